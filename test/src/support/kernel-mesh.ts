// A mesh of hub kernels without links, stores or time: frames are handed over by hand, in order.
// For unit tests of what kernels decide together; faults belong to the simulator.

import { type HubEvent, type HubFact, HubKernel, type HubOutput } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import {
  type Address,
  type AddWorkingTime,
  type Application,
  type FanoutStep,
  type FeedbackBody,
  type Frame,
  type FrameBody,
  type Hello,
  type JsonValue,
  type Lane,
  type NodeDescription,
  parentOf,
  type ServiceStep,
} from "@cloudbrain/sdk/domain";

export interface JournaledFact {
  readonly fact: HubFact;
  readonly atMs: number;
}

/** Answers an instruction, or undefined to stay silent. */
export type FakeHandler = (id: string, input: JsonValue) => FrameBody | undefined;

interface FakeAgent {
  readonly address: Address;
  readonly link: number;
  sent: number;
  readonly inbox: FrameBody[];
}

export class KernelMesh {
  nowMs = 1_000;
  readonly hubs = new Map<Address, HubKernel>();
  readonly facts = new Map<Address, JournaledFact[]>();
  readonly outputs: HubOutput[] = [];
  /** How agents answer; replaced by tests. */
  handler: FakeHandler = () => undefined;
  /** Of hubs that are added from now on. */
  addWorkingTime: AddWorkingTime | undefined = undefined;
  private readonly agents = new Map<Address, FakeAgent>();
  private readonly linkOf = new Map<Address, number>();
  private readonly gone = new Set<Address>();
  private links = 0;

  /** `features`: what the hub tells of itself, such as what its people do. */
  addHub(text: string, features: Partial<NodeDescription> = {}): HubKernel {
    const address = text as Address;
    const parent = this.parentHub(address);
    const description = { ...makeDescription(text, true, []), ...features };
    const kernel = this.createKernel(address, description);
    this.hubs.set(address, kernel);
    this.facts.set(address, []);
    this.step(address, { type: "started", epoch: 1 });
    if (parent !== undefined) this.connect(address, parent, description);
    return kernel;
  }

  /** An empty kernel for this place. */
  createKernel(address: Address, description?: NodeDescription): HubKernel {
    return new HubKernel({
      address,
      description,
      hasParent: this.parentHub(address) !== undefined,
      evaluate: createEvaluate(),
      validate: createValidate(),
      addWorkingTime: this.addWorkingTime,
    });
  }

  addAgent(text: string, capabilities: readonly string[], level = "community"): void {
    const address = text as Address;
    const parent = this.parentHub(address);
    if (parent === undefined) throw new Error(`no hub above ${text}`);
    const description = { ...makeDescription(text, false, capabilities), level };
    this.connect(address, parent, description);
  }

  private parentHub(address: Address): Address | undefined {
    const parent = parentOf(address);
    return parent !== undefined && this.hubs.has(parent) ? parent : undefined;
  }

  private connect(child: Address, parent: Address, description: NodeDescription): void {
    this.links += 1;
    const link = this.links;
    this.linkOf.set(child, link);
    if (!description.hub) this.agents.set(child, { address: child, link, sent: 0, inbox: [] });
    this.greet(child, parent, description, link);
  }

  private greet(child: Address, parent: Address, description: NodeDescription, link: number): void {
    const hello = makeHello(description);
    const released = this.step(parent, { type: "linkGreeted", link, hello });
    const welcome = released.find((output) => output.type === "welcome");
    if (welcome?.type !== "welcome" || !description.hub) return;
    this.step(child, {
      type: "linkWelcomed",
      link,
      welcome: {
        ...welcome.welcome,
        title: { zh: parent },
        storeId: `store-of-${parent}`,
        heartbeatMs: 1_000,
        linkToken: "",
      },
    });
  }

  /** Breaks the link of a child for good. */
  disconnect(text: string): void {
    const child = text as Address;
    const parent = parentOf(child);
    const link = this.linkOf.get(child);
    if (parent === undefined || link === undefined) throw new Error(`${text} is not connected`);
    this.gone.add(child);
    this.step(parent, { type: "linkClosed", link });
    if (this.hubs.has(child)) this.step(child, { type: "linkClosed", link });
  }

  /** No frame comes through to it or from it until `resume`, and nobody has noticed. */
  stall(text: string): void {
    this.gone.add(text as Address);
  }

  resume(text: string): void {
    this.gone.delete(text as Address);
    this.deliver();
  }

  /** Steps one event and "commits" at once; returns what was released. */
  step(hub: Address, event: HubEvent): readonly HubOutput[] {
    const kernel = this.hub(hub);
    kernel.step(event, this.nowMs);
    const decision = kernel.take();
    const journal = this.facts.get(hub) ?? [];
    for (const fact of decision.facts) journal.push({ fact: fact as HubFact, atMs: this.nowMs });
    kernel.committed(decision.marks);
    this.outputs.push(...decision.outputs);
    return decision.outputs;
  }

  hub(address: Address): HubKernel {
    const kernel = this.hubs.get(address);
    if (kernel === undefined) throw new Error(`no hub ${address}`);
    return kernel;
  }

  /** Lets time pass and fires what is due, then delivers. */
  advance(ms: number): void {
    this.nowMs += ms;
    for (const address of this.hubs.keys()) this.step(address, { type: "tick" });
    this.deliver();
  }

  /** Hands over frames until nobody has any. */
  deliver(): void {
    for (let round = 0; round < 1_000; round += 1) {
      if (!this.deliverOnce()) return;
    }
    throw new Error("frames go round for ever");
  }

  private deliverOnce(): boolean {
    let moved = false;
    for (const [address, kernel] of this.hubs) {
      for (const session of kernel.state.sessions.values()) {
        // A link is known by its lower end.
        const lower = session.peer === parentOf(address) ? address : session.peer;
        const link = this.linkOf.get(lower);
        if (link === undefined || this.gone.has(session.peer) || this.gone.has(address)) continue;
        for (const lane of ["control", "chain", "bulk"] as const) {
          const firstSeq = session.acked(lane) + 1;
          const frames = this.outgoing(kernel, session.peer, lane);
          if (frames.length === 0) continue;
          moved = true;
          const ack = { lane, seq: firstSeq + frames.length - 1 };
          this.step(address, { type: "acks", link, acks: [ack] });
          this.arrive(session.peer, link, lane, firstSeq, frames);
        }
      }
    }
    return moved;
  }

  private outgoing(kernel: HubKernel, peer: Address, lane: Lane): Frame[] {
    const session = kernel.state.session(peer);
    const frames: Frame[] = [];
    for (let seq = session.acked(lane) + 1; ; seq += 1) {
      const frame = session.frameAt(lane, seq);
      if (frame === undefined) return frames;
      frames.push(frame);
    }
  }

  private arrive(
    to: Address,
    link: number,
    lane: Lane,
    firstSeq: number,
    frames: readonly Frame[],
  ): void {
    if (this.hubs.has(to)) {
      this.step(to, { type: "frames", link, lane, firstSeq, frames });
      return;
    }
    const agent = this.agents.get(to);
    if (agent === undefined) return;
    for (const { from, body } of frames) {
      if (body.kind === "opaque") continue;
      agent.inbox.push(body);
      if (body.kind !== "instruction") continue;
      const answer = this.handler(body.id, JSON.parse(body.input) as JsonValue);
      if (answer !== undefined) this.say(to, from, answer);
    }
  }

  /** The agent sends a frame to `to` by way of the hub above it. */
  say(text: string, to: Address, body: FrameBody): void {
    const agent = this.agents.get(text as Address);
    const hub = parentOf(text as Address);
    if (agent === undefined || hub === undefined) throw new Error(`no agent ${text}`);
    agent.sent += 1;
    const frame = { from: agent.address, to, body, hopLimit: 16, traceparent: "" };
    this.step(hub, {
      type: "frames",
      link: agent.link,
      lane: "chain",
      firstSeq: agent.sent,
      frames: [frame],
    });
  }

  inbox(text: string): readonly FrameBody[] {
    return this.agents.get(text as Address)?.inbox ?? [];
  }
}

export function makeDescription(
  text: string,
  hub: boolean,
  capabilities: readonly string[],
): NodeDescription {
  return {
    address: text as Address,
    kind: "level",
    level: "",
    division: "",
    industry: "",
    region: "",
    title: { zh: text },
    capabilities,
    hub,
    version: "test",
  };
}

export function makeHello(description: NodeDescription): Hello {
  return {
    protocolMin: 1,
    protocolMax: 1,
    features: [],
    description,
    storeId: `store-of-${description.address}`,
    epoch: 1,
    dial: 1,
    peerStoreId: "",
    positions: [],
    heartbeatMs: 1_000,
    draining: false,
  };
}

/** Feedback of success with this output. */
export function succeeded(id: string, output: JsonValue, attempt = 1, revision = 0): FeedbackBody {
  return {
    kind: "feedback",
    id,
    attempt,
    outcome: "succeeded",
    output: JSON.stringify(output),
    errorCode: "",
    message: "",
    retryable: false,
    revision,
  };
}

export function failed(
  id: string,
  errorCode: string,
  retryable: boolean,
  attempt = 1,
): FeedbackBody {
  return {
    kind: "feedback",
    id,
    attempt,
    outcome: "failed",
    output: "",
    errorCode,
    message: "made up",
    retryable,
    revision: 0,
  };
}

const noDeadlines = {
  startMs: undefined,
  finishMs: undefined,
  heartbeatMs: undefined,
  totalMs: undefined,
};
const threeAttempts = {
  max: 3,
  initialMs: 100,
  factor: 2,
  capMs: 1_000,
  jitter: 0.2,
  notOn: [],
  rematch: false,
};
const anyNode = {
  level: undefined,
  region: undefined,
  industry: undefined,
  where: undefined,
  pick: "one",
} as const;

export function makeService(id: string, changes: Partial<ServiceStep> = {}): ServiceStep {
  return {
    type: "service",
    id,
    title: undefined,
    needs: [],
    when: undefined,
    onError: undefined,
    match: { ...anyNode, capability: "work/v1" },
    input: undefined,
    deadlines: { ...noDeadlines, totalMs: 600_000 },
    retry: threeAttempts,
    ...changes,
  };
}

export function makeFanout(id: string, changes: Partial<FanoutStep> = {}): FanoutStep {
  return {
    type: "fanout",
    id,
    title: undefined,
    needs: [],
    when: undefined,
    onError: undefined,
    members: {
      by: "level",
      scope: { kind: "literal", value: "/c" },
      level: "community",
      membersMax: 10_000,
    },
    each: {
      match: { ...anyNode, capability: "work/v1" },
      input: undefined,
      deadlines: noDeadlines,
      retry: threeAttempts,
    },
    aggregate: {
      into: [
        { name: "count", reducer: { op: "count" } },
        { name: "sum", reducer: { op: "sum", value: "out.n" } },
      ],
      emitEveryMs: 1_000,
      quorum: 1,
      or: undefined,
      minimum: 1,
      onShort: "fail",
      late: "record",
      finishMs: 60_000,
    },
    ...changes,
  };
}

export function makeApplication(
  changes: Partial<Application> & Pick<Application, "steps">,
): Application {
  return {
    id: "test.app",
    version: "1.0.0",
    hash: "hash-1",
    title: { zh: "测试", en: "Test" },
    inputSchema: undefined,
    totalMs: undefined,
    keyExpression: undefined,
    keyKeepMs: 86_400_000,
    onFailure: "fail",
    output: undefined,
    ...changes,
  };
}
