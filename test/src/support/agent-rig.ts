// Agent rig: an AgentKernel without a node around it. One call is one commit: events in, the whole
// effect record out. Its journal and its checkpoint survive, so that a life can end anywhere.

import type {
  Address,
  Fact,
  Frame,
  FrameBody,
  InstructionBody,
  Lane,
  Row,
  Welcome,
} from "@cloudbrain/sdk/domain";
import { type AgentEvent, AgentKernel, type AgentOutput } from "@cloudbrain/sdk/kernel";

export const parent = "/c" as Address;
export const self = "/c/a" as Address;

export interface Effects {
  /** Outputs that did not wait for the commit. */
  readonly early: readonly AgentOutput[];
  /** Kinds of the facts that the commit keeps. */
  readonly facts: readonly string[];
  /** Outputs after the commit, without the session of `attached`. */
  readonly outputs: readonly unknown[];
  /** Bodies that this commit put into the outbox, in order. */
  readonly sent: readonly FrameBody[];
}

interface Journaled {
  readonly fact: Fact;
  readonly atMs: number;
}

export class AgentRig {
  kernel: AgentKernel;
  nowMs = 1_000;
  epoch = 0;
  readonly journal: Journaled[] = [];
  private readonly capabilities: ReadonlySet<string>;
  private readonly withdrawable: ReadonlySet<string>;
  private readonly rows = new Map<string, Row>();
  private appliedFacts = 0;
  private lastLink = 0;
  private readonly sentUpTo = new Map<Lane, number>();

  constructor(capabilities: readonly string[] = ["work/v1"], withdrawable: readonly string[] = []) {
    this.capabilities = new Set(capabilities);
    this.withdrawable = new Set(withdrawable);
    this.kernel = this.createKernel();
    this.commit({ type: "started", epoch: 1 });
  }

  private createKernel(): AgentKernel {
    const { capabilities, withdrawable } = this;
    return new AgentKernel({ address: self, parent, capabilities, withdrawable });
  }

  commit(...events: AgentEvent[]): Effects {
    const early: AgentOutput[] = [];
    const { kernel } = this;
    for (const event of events) {
      kernel.step(event, this.nowMs);
      early.push(...kernel.takeEarly());
    }
    const { facts, outputs, marks } = kernel.take();
    for (const fact of facts) this.journal.push({ fact: structuredClone(fact), atMs: this.nowMs });
    kernel.committed(marks);
    return {
      early,
      facts: facts.map(({ t }) => t),
      outputs: outputs.map((output) =>
        output.type === "attached" ? { type: output.type, link: output.link } : output,
      ),
      sent: this.newFrames(),
    };
  }

  private newFrames(): FrameBody[] {
    const bodies: FrameBody[] = [];
    const { session } = this.kernel.state;
    for (const lane of ["chain", "bulk"] as const) {
      const from = Math.max(this.sentUpTo.get(lane) ?? 0, session.acked(lane));
      for (let seq = from + 1; seq <= session.lastSeq(lane); seq += 1) {
        const body = session.frameAt(lane, seq)?.body;
        if (body !== undefined && body.kind !== "opaque") bodies.push(body);
      }
      this.sentUpTo.set(lane, session.lastSeq(lane));
    }
    return bodies;
  }

  /** The hub welcomes a new link; with another `storeId` it has begun anew. */
  link(storeId = "hub-1", positions: Welcome["positions"] | "ours" = "ours"): Effects {
    this.lastLink += 1;
    const { session } = this.kernel.state;
    const welcome: Welcome = {
      protocol: 1,
      features: [],
      address: parent,
      title: { zh: "市" },
      storeId,
      epoch: 1,
      resumed: session.peerStoreId === storeId,
      positions: positions === "ours" ? this.hubPositions() : positions,
      heartbeatMs: 3_000,
      ancestors: [parent],
      linkToken: "token",
    };
    if (session.peerStoreId !== storeId) this.sentUpTo.clear();
    return this.commit({ type: "linkWelcomed", link: this.lastLink, welcome });
  }

  /** What a hub says that has lost nothing and has received nothing new. */
  private hubPositions(): Welcome["positions"] {
    const { session } = this.kernel.state;
    return session.positions().map(({ lane, received, acked }) => {
      return { lane, received: acked, sent: received, acked: received };
    });
  }

  get linkNo(): number {
    return this.lastLink;
  }

  frames(...bodies: Frame["body"][]): AgentEvent {
    return this.framesFrom(this.kernel.state.session.expects("chain"), ...bodies);
  }

  framesFrom(firstSeq: number, ...bodies: Frame["body"][]): AgentEvent {
    const frames = bodies.map((body) => {
      return { from: parent, to: self, body, hopLimit: 16, traceparent: "" };
    });
    return { type: "frames", link: this.lastLink, lane: "chain", firstSeq, frames };
  }

  receive(...bodies: Frame["body"][]): Effects {
    return this.commit(this.frames(...bodies));
  }

  /** The hub acknowledges everything that is in the outbox. */
  acknowledgeAll(): Effects {
    const { session } = this.kernel.state;
    const acks = (["chain", "bulk"] as const).map((lane) => {
      return { lane, seq: session.durableOut(lane) };
    });
    return this.commit({ type: "acks", link: this.lastLink, acks });
  }

  checkpoint(): void {
    for (const row of this.kernel.checkpoint()) {
      const key = `${row.table}\0${row.key}`;
      if (row.value === undefined) this.rows.delete(key);
      else this.rows.set(key, structuredClone(row));
    }
    this.appliedFacts = this.journal.length;
  }

  /** The kernel that a start would make of the disk, by way of the checkpoint or of all facts. */
  recover(from: "checkpoint" | "genesis"): AgentKernel {
    const kernel = this.createKernel();
    const sorted = [...this.rows].sort(([a], [b]) => (a < b ? -1 : 1));
    if (from === "checkpoint") for (const [, row] of sorted) kernel.restore(structuredClone(row));
    const facts = this.journal.slice(from === "checkpoint" ? this.appliedFacts : 0);
    for (const { fact, atMs } of facts) kernel.apply(fact, atMs);
    kernel.recovered();
    return kernel;
  }

  restart(): Effects {
    this.kernel = this.recover("checkpoint");
    this.epoch += 1;
    return this.commit({ type: "started", epoch: this.epoch + 1 });
  }
}

export function makeInstruction(id: string, changes: Partial<InstructionBody> = {}) {
  return {
    kind: "instruction",
    id,
    chain: "X1",
    step: "s",
    attempt: 1,
    capability: "work/v1",
    input: "{}",
    finishMs: 0,
    heartbeatMs: 0,
    ...changes,
  } as const satisfies InstructionBody;
}

export function makeCancel(id: string, attempt = 1, reason = "no longer needed") {
  return { kind: "cancel", id, attempt, reason } as const;
}

export type EndedEvent = Extract<AgentEvent, { type: "ended" }>;

export function makeEnded(id: string, changes: Partial<EndedEvent> = {}): EndedEvent {
  return {
    type: "ended",
    id,
    outcome: "succeeded",
    output: '{"n":1}',
    errorCode: "",
    message: "",
    retryable: false,
    ...changes,
  };
}

export function makeAnswered(id: string, changes: Partial<EndedEvent> = {}): AgentEvent {
  return { ...makeEnded(id, changes), type: "answered" };
}

export function makeRun(id: string, changes: Partial<Extract<AgentOutput, { type: "run" }>> = {}) {
  return {
    type: "run",
    id,
    chain: "X1",
    step: "s",
    attempt: 1,
    capability: "work/v1",
    input: "{}",
    finishDueMs: 0,
    heartbeatMs: 0,
    ...changes,
  };
}

export function makeFeedback(
  id: string,
  changes: Partial<Extract<FrameBody, { kind: "feedback" }>> = {},
) {
  return {
    kind: "feedback",
    id,
    attempt: 1,
    outcome: "succeeded",
    output: '{"n":1}',
    errorCode: "",
    message: "",
    retryable: false,
    revision: 0,
    ...changes,
  };
}
