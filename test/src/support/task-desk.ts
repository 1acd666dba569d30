// Task desk: a city, a district and a street with their people, for tests of what kernels decide
// about tasks.

import {
  audit,
  HubKernel,
  type HubOutput,
  type HubReply,
  type Task,
  type WorklistQuery,
} from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import {
  type Address,
  type Application,
  type FanoutEach,
  type HumanRule,
  type HumanStep,
  type JsonValue,
  type Mapping,
  supervisorsGroup,
  type TaskActor,
  type TaskCommand,
  taskActions,
} from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { KernelMesh, makeApplication, makeFanout } from "./kernel-mesh.ts";

export const city = "/c" as Address;
export const district = "/c/d" as Address;
export const street = "/c/d/s" as Address;
export const hourMs = 3_600_000;

export const literal = (value: JsonValue): Mapping => ({ kind: "literal", value });
const expression = (source: string): Mapping => ({ kind: "expression", source });

export const form: JsonValue = {
  type: "object",
  required: ["result", "summary"],
  properties: {
    result: { enum: ["done", "rejected"] },
    summary: { type: "string", minLength: 5 },
  },
};
export const goodForm: JsonValue = { result: "done", summary: "it is mended" };

export function makeRule(changes: Partial<HumanRule> = {}): HumanRule {
  return {
    candidates: {
      users: [],
      groups: [literal("bureau:housing")],
      roles: [],
      departments: [],
    },
    actions: taskActions,
    form,
    onReturn: undefined,
    extension: { max: 2, longestMs: 48 * hourMs, decidedBy: [] },
    ...changes,
  };
}

/** Returned tasks go to a dispatch desk, twice at most. */
export function makeReturnRule(then: "suspend" | "fail" = "suspend"): HumanRule["onReturn"] {
  const rule = { to: [literal("dispatch")], visitsMax: 2 };
  return { ...rule, may: ["changeCandidates", "insist", "reject"], then };
}

const anyMatch = {
  capability: "clerk/v1",
  level: undefined,
  region: undefined,
  industry: undefined,
  where: undefined,
  pick: "one",
} as const;

export function makeHuman(changes: Partial<HumanStep> = {}): HumanStep {
  return {
    type: "human",
    id: "bureau",
    title: { zh: "\u529e\u7406" },
    needs: [],
    when: undefined,
    onError: undefined,
    match: anyMatch,
    input: undefined,
    human: makeRule(),
    deadlines: {
      startMs: undefined,
      finishMs: 24 * hourMs,
      heartbeatMs: undefined,
      totalMs: undefined,
    },
    escalate: [],
    ...changes,
  };
}

/** Every community is asked, and people answer there. */
export function makeHumanFanout(changes: Partial<FanoutEach> = {}) {
  const base = makeFanout("ask");
  return makeFanout("ask", {
    each: {
      ...base.each,
      match: { ...anyMatch, capability: "work/v1" },
      human: makeRule({
        candidates: {
          users: [],
          groups: [expression('"community:" + member.address')],
          roles: [],
          departments: [],
        },
        form: undefined,
      }),
      ...changes,
    },
    aggregate: { ...base.aggregate, finishMs: 100 * hourMs },
  });
}

export function makeActor(account: string, changes: Partial<TaskActor> = {}): TaskActor {
  return {
    account,
    name: account.toUpperCase(),
    department: "housing",
    area: "",
    groups: ["bureau:housing"],
    roles: [],
    ...changes,
  };
}

export const wang = makeActor("wang");
export const li = makeActor("li");
export const chief = makeActor("chief", { groups: ["bureau-chief"], department: "office" });
export const dispatcher = makeActor("dispatcher", { groups: ["dispatch"], department: "office" });
export const supervisor = makeActor("supervisor", {
  groups: [supervisorsGroup],
  department: "office",
});

let commands = 0;

/** City, district and street hubs; the bureau of `street` does what is asked. */
export class Desk {
  readonly mesh = new KernelMesh();
  readonly hub: Address;

  constructor(
    hub: Address = street,
    options: Pick<KernelMesh, "addWorkingTime"> | undefined = undefined,
  ) {
    this.hub = hub;
    const { mesh } = this;
    if (options !== undefined) mesh.addWorkingTime = options.addWorkingTime;
    for (const address of [city, district, street]) mesh.addHub(address);
    mesh.addAgent(`${hub}/bureau`, ["clerk/v1"]);
    for (const name of ["a1", "a2"]) mesh.addAgent(`${street}/${name}`, ["work/v1"]);
    // News of the nodes rises one level at a time.
    for (let level = 0; level < 3; level += 1) mesh.advance(1_000);
  }

  /** Publishes at the city and submits one chain there. */
  start(application: Partial<Application> & Pick<Application, "steps">, chain = "X"): void {
    this.mesh.step(city, {
      type: "publish",
      request: 1,
      application: makeApplication({ ...application, hash: JSON.stringify(application) }),
    });
    this.submit(chain);
  }

  submit(chain: string, input: JsonValue = {}): readonly HubOutput[] {
    const outputs = this.mesh.step(city, {
      type: "submit",
      request: 2,
      chain,
      application: "test.app",
      version: "",
      key: chain,
      bodyHash: "body",
      input,
      submitter: "tester",
      holder: undefined,
    });
    this.mesh.deliver();
    return outputs;
  }

  task(id = "X.bureau.1#1"): Task {
    const task = this.mesh.hub(this.hub).state.tasks.get(id);
    if (task === undefined) throw new Error(`no task ${id} at ${this.hub}`);
    return task;
  }

  /** Gives a command against the present version, or the one that is named. */
  tell(
    actor: TaskActor,
    command: TaskCommand,
    how: { readonly task?: string; readonly id?: string; readonly version?: number } = {},
  ): HubReply {
    const task = how.task ?? "X.bureau.1#1";
    commands += 1;
    const known = this.mesh.hub(this.hub).state.tasks.get(task)?.version ?? 0;
    const outputs = this.mesh.step(this.hub, {
      type: "taskCommand",
      request: 9,
      task,
      command,
      commandId: how.id ?? `command-${commands}`,
      expectedVersion: how.version ?? known,
      actor,
    });
    const answer = outputs.find((output) => output.type === "reply");
    this.mesh.deliver();
    if (answer?.type !== "reply") throw new Error("no reply");
    return answer.reply;
  }

  /** As `tell`, and it must be taken. */
  does(actor: TaskActor, command: TaskCommand, task?: string): void {
    const reply = this.tell(actor, command, task === undefined ? {} : { task });
    assert.is(reply.kind, "task", JSON.stringify(reply));
  }

  /** As `tell`, and it must be refused with this code; answers the detail. */
  refuses(code: string, actor: TaskActor, command: TaskCommand): string {
    const reply = this.tell(actor, command);
    if (reply.kind !== "refused") throw new Error(`${command.kind} was taken`);
    assert.is(reply.code, code, reply.detail);
    return reply.detail;
  }

  list(query: WorklistQuery): readonly string[] {
    const { tasks } = this.mesh.hub(this.hub).worklist(query, this.mesh.nowMs);
    return tasks.map(({ id }) => id);
  }

  chain(id = "X") {
    return this.mesh.hub(city).chainNow(id);
  }

  /** No rule is broken, and replaying every journal gives the live state. */
  check(): void {
    for (const [address, live] of this.mesh.hubs) {
      assert.equal(audit(live.state), [], address);
      const replayed = new HubKernel({
        address,
        hasParent: address !== city,
        evaluate: createEvaluate(),
        validate: createValidate(),
      });
      for (const { fact, atMs } of this.mesh.facts.get(address) ?? []) replayed.apply(fact, atMs);
      assert.equal(replayed.dump(), live.dump(), address);
      assert.equal(audit(replayed.state), [], address);
      const restored = new HubKernel({
        address,
        hasParent: address !== city,
        evaluate: createEvaluate(),
        validate: createValidate(),
      });
      for (const row of live.dump()) if (row.value !== undefined) restored.restore(row);
      assert.equal(audit(restored.state), [], address);
    }
  }
}
