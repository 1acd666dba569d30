// A hub alone with some agents: for tests of what one kernel decides, event by event.

import {
  audit,
  type ChainRow,
  type HubEvent,
  type HubKernel,
  type HubReply,
} from "@cloudbrain/hub/kernel";
import type {
  Address,
  AddWorkingTime,
  Application,
  GateStep,
  JsonValue,
  Row,
  SignalStep,
  Step,
  SubflowStep,
  TimerStep,
} from "@cloudbrain/sdk/domain";
import { equal } from "uvu/assert";
import { KernelMesh, makeApplication } from "./kernel-mesh.ts";

type WithoutRequest<Event> = Event extends { readonly request: number }
  ? Omit<Event, "request">
  : never;
type Ask = WithoutRequest<HubEvent>;

const city = "/c" as Address;

export class LoneHub {
  readonly mesh = new KernelMesh();
  /** Chains that had ended when a life did: a new life does not read them. */
  private readonly past = new Map<string, ChainRow>();
  private requests = 0;

  constructor(
    options: { readonly addWorkingTime?: AddWorkingTime; readonly agents?: number } = {},
  ) {
    this.mesh.addWorkingTime = options.addWorkingTime;
    this.mesh.addHub(city);
    for (let index = 1; index <= (options.agents ?? 0); index += 1) {
      this.mesh.addAgent(`/c/a${index}`, ["work/v1"]);
    }
  }

  get kernel(): HubKernel {
    return this.mesh.hub(city);
  }

  /** Steps the event and answers what the hub replied. */
  ask(event: Ask): HubReply | undefined {
    this.requests += 1;
    const request = this.requests;
    const outputs = this.mesh.step(city, { ...event, request } as HubEvent);
    const found = outputs.find((output) => output.type === "reply" && output.request === request);
    return found?.type === "reply" ? found.reply : undefined;
  }

  publish(...applications: readonly Application[]): void {
    for (const application of applications) this.ask({ type: "publish", application });
  }

  /** Publishes an application of these steps and submits one chain of it. */
  run(chain: string, steps: readonly Step[], changes: Partial<Application> = {}): void {
    this.publish(makeApplication({ totalMs: 3_600_000, ...changes, steps }));
    this.submit(chain);
  }

  submit(chain: string, input: JsonValue = {}, application = "test.app"): HubReply | undefined {
    const reply = this.ask({
      type: "submit",
      chain,
      application,
      version: "",
      key: chain,
      bodyHash: "body",
      input,
      submitter: "tester",
      holder: undefined,
    });
    this.mesh.deliver();
    return reply;
  }

  signal(name: string, payload: JsonValue, chain?: string): HubReply | undefined {
    const only = chain === undefined ? {} : { chain };
    return this.ask({ type: "signalled", name, payload, source: "/c/s-desk", ...only });
  }

  chain(id: string) {
    return this.kernel.chainNow(id) ?? this.past.get(id);
  }

  step(chain: string, step: string) {
    return this.chain(chain)?.steps.find(({ id }) => id === step);
  }

  /** No rule is broken; all facts, and the rows alone, give the state that is live. */
  check(): void {
    equal(audit(this.kernel.state), []);
    const live = liveRows(this.kernel);
    const replayed = this.mesh.createKernel(city);
    for (const { fact, atMs } of this.mesh.facts.get(city) ?? []) replayed.apply(fact, atMs);
    equal(liveRows(replayed), live);
    equal(liveRows(this.restored()), live);
  }

  /** A new life that has the rows of this one. */
  private restored(): HubKernel {
    const fresh = this.mesh.createKernel(city);
    for (const row of liveRows(this.kernel)) fresh.restore(structuredClone(row));
    fresh.recovered();
    return fresh;
  }

  /** The process ends and begins again on its store. */
  restart(): void {
    for (const { table, key, value } of this.kernel.dump()) {
      if (table === "past") this.past.set(key, value as ChainRow);
    }
    const fresh = this.restored();
    this.mesh.hubs.set(city, fresh);
    this.mesh.step(city, { type: "started", epoch: 2 });
  }
}

function liveRows(kernel: HubKernel): readonly Row[] {
  return kernel.dump().filter(({ table, value }) => table !== "past" && value !== undefined);
}

const common = { title: undefined, needs: [], when: undefined, onError: undefined } as const;
const noDeadlines = {
  startMs: undefined,
  finishMs: undefined,
  heartbeatMs: undefined,
  totalMs: undefined,
};

export function makeTimer(
  id: string,
  timer: TimerStep["timer"],
  changes: Partial<TimerStep> = {},
): TimerStep {
  return { type: "timer", id, ...common, timer, ...changes };
}

export function makeGate(
  id: string,
  gate: Partial<GateStep["gate"]> = {},
  changes: Partial<GateStep> = {},
): GateStep {
  return {
    type: "gate",
    id,
    ...common,
    gate: { signal: "approved", schema: undefined, where: undefined, ...gate },
    deadlines: { ...noDeadlines, finishMs: 60_000 },
    ...changes,
  };
}

export function makeSignal(id: string, payload: JsonValue, name = "approved"): SignalStep {
  return {
    type: "signal",
    id,
    ...common,
    signal: { name, payload: { kind: "literal", value: payload } },
  };
}

export function makeSubflow(
  id: string,
  subflow: Partial<SubflowStep["subflow"]> = {},
  changes: Partial<SubflowStep> = {},
): SubflowStep {
  return {
    type: "subflow",
    id,
    ...common,
    subflow: {
      application: "test.child",
      version: "",
      input: undefined,
      onParentCancel: "cancel",
      ...subflow,
    },
    deadlines: noDeadlines,
    ...changes,
  };
}

export const after = (step: string): Step["needs"] => [{ step, on: "done" }];
