// Virtual stage: stories on the testing kit of the SDK, in virtual time. A vendor could write all
// that is in it.

import { HubKernel } from "@cloudbrain/hub/kernel";
import type { ChainSnapshot, Duration } from "@cloudbrain/sdk";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import { type TestChain, type TestFaults, type TestMesh, testMesh } from "@cloudbrain/sdk/testing";
import type { Turn } from "../support/turn.ts";
import { createActingNode } from "./acting.ts";
import { Scripts } from "./scripts.ts";
import type {
  Cast,
  HubPart,
  Stage,
  StageCall,
  StageChain,
  StagePerson,
  StageSubmit,
} from "./stage.ts";
import { VirtualPerson } from "./virtual-person.ts";

export interface VirtualStageOptions {
  readonly startsAt: Date;
  readonly faults?: TestFaults;
  readonly seed?: number;
}

/** Far less than any deadline of an application. */
const moment: Duration = "50ms";

export async function openVirtualStage(cast: Cast, options: VirtualStageOptions): Promise<Stage> {
  const hubs = Object.fromEntries(cast.hubs.map((part) => [part.address, featuresOf(part)]));
  const mesh = testMesh({ hub: HubKernel, hubs, ...options });
  for (const application of cast.applications) await mesh.publish(application);
  const scripts = new Scripts(cast.nodes);
  await mesh.join(...cast.nodes.map((part) => createActingNode(part, scripts)));
  return new VirtualStage(cast, mesh, scripts);
}

function featuresOf(part: HubPart) {
  const { address: _address, title, ...features } = part;
  const { kind = "level", level = "", division = "" } = features;
  return { ...features, kind, level, division, title: { zh: title } };
}

class VirtualStage implements Stage {
  readonly cast: Cast;
  private readonly mesh: TestMesh;
  private readonly scripts: Scripts;
  private readonly persons = new Map<string, StagePerson>();

  constructor(cast: Cast, mesh: TestMesh, scripts: Scripts) {
    this.cast = cast;
    this.mesh = mesh;
    this.scripts = scripts;
  }

  async now(): Promise<Date> {
    return this.mesh.clock.now();
  }

  async passes(duration: Duration): Promise<void> {
    await this.mesh.clock.advance(duration);
  }

  async passesTo(instant: Date): Promise<void> {
    const waitMs = instant.getTime() - this.mesh.clock.now().getTime();
    if (waitMs > 0) await this.mesh.clock.advance(waitMs);
  }

  async moment(): Promise<void> {
    await this.mesh.clock.advance(moment);
  }

  async submit(
    application: string,
    input: JsonValue,
    options: StageSubmit = {},
  ): Promise<StageChain> {
    return new VirtualChain(await this.mesh.run(application, input, options));
  }

  person(account: string): StagePerson {
    const known = this.persons.get(account);
    if (known !== undefined) return known;
    const made = new VirtualPerson(this.cast, this.mesh, account);
    this.persons.set(account, made);
    return made;
  }

  async signal(
    name: string,
    payload: JsonValue,
    options: { readonly chain?: string; readonly at?: string } = {},
  ): Promise<{ readonly opened: number; readonly retained: boolean }> {
    return await this.mesh.signal(name, payload, options);
  }

  async offline(address: string): Promise<void> {
    await this.mesh.disconnect(address);
  }

  async online(address: string): Promise<void> {
    await this.mesh.reconnect(address);
  }

  async script(address: string, capability: string, ...turns: readonly Turn[]): Promise<void> {
    this.scripts.write(address, capability, turns);
  }

  async calls(capability: string, chain: StageChain): Promise<readonly StageCall[]> {
    return this.scripts.heard.filter(
      (call) => call.capability === capability && call.chain === chain.id,
    );
  }

  async close(): Promise<void> {
    await this.mesh.close();
  }
}

class VirtualChain implements StageChain {
  readonly id: string;
  private readonly chain: TestChain;

  constructor(chain: TestChain) {
    this.id = chain.id;
    this.chain = chain;
  }

  async now(): Promise<ChainSnapshot> {
    return this.chain.now();
  }

  cancel(reason: string): Promise<void> {
    return this.chain.cancel(reason);
  }

  retry(step?: string): Promise<void> {
    return this.chain.retry(step);
  }

  skip(step: string, reason: string, output?: JsonValue): Promise<void> {
    return this.chain.skip(step, reason, output);
  }

  suspend(reason: string): Promise<void> {
    return this.chain.suspend(reason);
  }

  resume(reason: string): Promise<void> {
    return this.chain.resume(reason);
  }

  async below(step: string): Promise<StageChain> {
    return new VirtualChain(this.chain.below(step));
  }
}
