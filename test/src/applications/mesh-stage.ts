// Mesh stage: stories on real processes, as callers and people reach them: chains by
// `createClient`, tasks by who has signed in.

import type { ChainSnapshot, Client, Duration } from "@cloudbrain/sdk";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import { parseDurationMs } from "@cloudbrain/sdk/internal/node/duration";
import type { MeshTime } from "../support/mesh-time.ts";
import type { Turn } from "../support/turn.ts";
import { MeshPerson } from "./mesh-person.ts";
import { MeshWorld, type WorldOptions } from "./mesh-world.ts";
import type { Cast, Stage, StageCall, StageChain, StagePerson, StageSubmit } from "./stage.ts";

/** Far less than any deadline of an application. */
const momentMs = 500;

export class MeshStage implements Stage {
  readonly cast: Cast;
  readonly world: MeshWorld;
  /** Chains that were submitted, by hub. */
  readonly submitted = new Map<string, Set<string>>();
  private readonly people: ReadonlyMap<string, MeshPerson>;

  private constructor(world: MeshWorld, people: readonly MeshPerson[]) {
    this.cast = world.cast;
    this.world = world;
    this.people = new Map(people.map((person) => [person.account, person]));
  }

  static async open(options: WorldOptions): Promise<MeshStage> {
    const world = await MeshWorld.open(options);
    try {
      return new MeshStage(world, await createPeople(world));
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async now(): Promise<Date> {
    return new Date(this.world.time.nowMs);
  }

  async passes(duration: Duration): Promise<void> {
    const { time } = this.world;
    await time.passTo(time.nowMs + parseDurationMs(duration, "duration"));
  }

  async passesTo(instant: Date): Promise<void> {
    await this.world.time.passTo(instant.getTime());
  }

  async moment(): Promise<void> {
    await this.passes(momentMs);
  }

  async submit(
    application: string,
    input: JsonValue,
    { key, at = this.world.rootAddress }: StageSubmit = {},
  ): Promise<StageChain> {
    const client = this.world.operator(at);
    const { chain } = await this.rests(client.submit(application, input, { key }));
    this.submitted.set(at, (this.submitted.get(at) ?? new Set()).add(chain));
    return new MeshChain(client, chain, this.world.time);
  }

  person(account: string): StagePerson {
    const person = this.people.get(account);
    if (person === undefined) throw new Error(`${account} is nobody of the cast`);
    return person;
  }

  /** What follows from a call without time passing has happened when it resolves. */
  private async rests<Result>(call: Promise<Result>): Promise<Result> {
    const result = await call;
    await this.world.time.rest();
    return result;
  }

  async signal(
    name: string,
    payload: JsonValue,
    { chain, at = this.world.rootAddress }: { readonly chain?: string; readonly at?: string } = {},
  ): Promise<{ readonly opened: number; readonly retained: boolean }> {
    return await this.rests(this.world.operator(at).signal(name, payload, { chain }));
  }

  async offline(address: string): Promise<void> {
    await this.world.cut(address);
  }

  async online(address: string): Promise<void> {
    await this.world.mend(address);
  }

  async script(address: string, capability: string, ...turns: readonly Turn[]): Promise<void> {
    this.world.scripts.write(address, capability, turns);
  }

  async calls(capability: string, chain: StageChain): Promise<readonly StageCall[]> {
    const { heard } = this.world.scripts;
    return heard.filter((call) => call.capability === capability && call.chain === chain.id);
  }

  async close(): Promise<void> {
    for (const person of this.people.values()) person.close();
    await this.world.close();
  }
}

class MeshChain implements StageChain {
  readonly id: string;
  private readonly client: Client;
  private readonly time: MeshTime;

  constructor(client: Client, id: string, time: MeshTime) {
    this.client = client;
    this.id = id;
    this.time = time;
  }

  async now(): Promise<ChainSnapshot> {
    return await this.client.getChain(this.id);
  }

  async cancel(reason: string): Promise<void> {
    await this.client.cancelChain(this.id, reason);
    await this.time.rest();
  }

  async retry(step?: string): Promise<void> {
    await this.client.retryChain(this.id, { step });
    await this.time.rest();
  }

  async skip(step: string, reason: string, output?: JsonValue): Promise<void> {
    await this.client.skipStep(this.id, step, { reason, output });
    await this.time.rest();
  }

  async suspend(reason: string): Promise<void> {
    await this.client.suspendChain(this.id, reason);
    await this.time.rest();
  }

  async resume(reason: string): Promise<void> {
    await this.client.resumeChain(this.id, reason);
    await this.time.rest();
  }

  async below(step: string): Promise<StageChain> {
    // Newest first: the last run of the step is meant.
    for await (const { id, parent } of this.client.listChains()) {
      if (parent?.chain === this.id && parent.step === step) {
        return new MeshChain(this.client, id, this.time);
      }
    }
    throw new Error(`step ${step} of ${this.id} has started no chain`);
  }
}

/** At each desk one after the other: a desk hashes one password at a time. */
async function createPeople(world: MeshWorld): Promise<readonly MeshPerson[]> {
  const { people } = world.cast;
  const desks = [...new Set(people.map(({ at }) => at))].map(async (at) => {
    const place = {
      seat: await world.seat(at),
      operator: world.operator(at),
      time: world.time,
    };
    const created: MeshPerson[] = [];
    for (const part of people.filter((person) => person.at === at)) {
      created.push(await MeshPerson.create(part, place));
    }
    return created;
  });
  return (await Promise.all(desks)).flat();
}
