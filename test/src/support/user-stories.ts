// User stories: one hub's kernel with people, for unit tests. Passwords are compared by their text:
// what hashes them stands outside the kernel.

import { type HubEvent, HubKernel, type HubReply, type UserActor } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import type { Address, UserProfile } from "@cloudbrain/sdk/domain";
import { type JournaledFact, KernelMesh } from "./kernel-mesh.ts";

export const city = "/c" as Address;

export const operator: UserActor = { kind: "operator", address: "/c/s-operator" as Address };

export function makeProfile(changes: Partial<UserProfile> = {}): UserProfile {
  return {
    name: "测试员甲",
    department: "housing",
    area: "3702",
    roles: ["clerk"],
    groups: ["bureau:housing"],
    rights: [{ application: "test.app", rights: ["handle", "start"] }],
    ...changes,
  };
}

export class UserStories {
  readonly mesh = new KernelMesh();
  private requests = 0;

  constructor() {
    this.mesh.addHub(city);
  }

  get kernel(): HubKernel {
    return this.mesh.hub(city);
  }

  get facts(): readonly JournaledFact[] {
    return this.mesh.facts.get(city) ?? [];
  }

  /** The kernel's answer, in one word: `done`, or the code of the refusal. */
  ask(make: (request: number) => HubEvent): string {
    const reply = this.replyTo(make);
    return reply.kind === "refused" ? reply.code : reply.kind;
  }

  replyTo(make: (request: number) => HubEvent): HubReply {
    this.requests += 1;
    const request = this.requests;
    const outputs = this.mesh.step(city, make(request));
    const found = outputs.find((output) => output.type === "reply" && output.request === request);
    if (found?.type !== "reply") throw new Error("the kernel did not answer");
    return found.reply;
  }

  create(
    account: string,
    changes: Partial<UserProfile> = {},
    actor: UserActor = operator,
    passwordHash = "first",
  ): string {
    const profile = makeProfile(changes);
    return this.ask((request) => ({
      type: "createUser",
      request,
      actor,
      account,
      profile,
      passwordHash,
    }));
  }

  /** The administrator's first password becomes `own`. */
  changeFirst(account: string): string {
    return this.changePassword(account, "first", "own");
  }

  changePassword(account: string, given: string, wanted: string): string {
    const comparedWith = this.kernel.state.users.get(account)?.passwordHash ?? "";
    const check = { comparedWith, isRight: given === comparedWith };
    const passwordHash = check.isRight ? wanted : "";
    return this.ask((request) => ({
      type: "changePassword",
      request,
      account,
      check,
      passwordHash,
    }));
  }

  signIn(account: string, given: string, token: string): string {
    const comparedWith = this.kernel.state.users.get(account)?.passwordHash ?? "nobody's";
    const check = { comparedWith, isRight: given === comparedWith };
    const node = "/c/s-desk" as Address;
    return this.ask((request) => ({ type: "signIn", request, account, check, token, node }));
  }

  /** A user who has signed in with the token. */
  join(account: string, token: string, changes: Partial<UserProfile> = {}): void {
    const answers = [this.create(account, changes), this.changeFirst(account)];
    answers.push(this.signIn(account, "own", token));
    if (answers.join() !== "done,done,done") throw new Error(`${account} can't join: ${answers}`);
  }

  /** Applies all facts to a new kernel, as a restart does. */
  restart(): void {
    const replayed = makeKernel();
    for (const { fact, atMs } of this.facts) replayed.apply(fact, atMs);
    replayed.recovered();
    this.mesh.hubs.set(city, replayed);
  }

  /** A new kernel from the rows of a checkpoint. */
  restored(): HubKernel {
    const kernel = makeKernel();
    for (const row of this.kernel.checkpoint()) {
      // Only what was not deleted is in the store.
      if (row.value !== undefined) kernel.restore(row);
    }
    kernel.recovered();
    return kernel;
  }
}

function makeKernel(): HubKernel {
  return new HubKernel({
    address: city,
    hasParent: false,
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
}
