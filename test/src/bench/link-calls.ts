// Link calls: one real link with sessions at both ends and no store: what is received or given out
// counts as durable at once.

import { join } from "node:path";
import {
  type Address,
  type Frame,
  type Hello,
  limits,
  parseAddress,
  type Welcome,
} from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { createLinkDialer, type Link, type LinkHost, openLinkServer } from "@cloudbrain/sdk/link";
import { Session } from "@cloudbrain/sdk/session";
import type { CallTable, SentFrames } from "./bench-calls.ts";
import { agentAddress, hubAddress } from "./credentials.ts";

const timing = { heartbeatMs: limits.heartbeatMs, leaseMs: limits.linkLeaseMs };
/** Small, as an instruction's input or a feedback's output usually is. */
const payload = JSON.stringify("x".repeat(98));
/** Keeps the sender's queue full without growing it. */
const unacknowledgedMax = 2 * limits.laneFramesCreditMax;

const frame: Frame = {
  from: agentAddress,
  to: hubAddress,
  body: {
    kind: "feedback",
    id: "01K0000000000000000000000A/fold/1#0",
    attempt: 1,
    outcome: "succeeded",
    output: payload,
    errorCode: "",
    message: "",
    retryable: false,
    revision: 0,
  },
  hopLimit: 16,
  traceparent: "",
};

let serverLinks = 0;
let source: FrameSource | undefined;

export const linkCalls: Pick<
  CallTable,
  "openLinkSink" | "openLinkSource" | "sendFrames" | "openIdleLinks" | "countLinks"
> = {
  openLinkSink: async ({ directory }) => {
    const server = await openLinkServer({
      credentials: readCredentials(join(directory, "identity")),
      listen: { host: "127.0.0.1", port: 0 },
      self: hubAddress,
      host: new SinkHost(),
      timing,
    });
    return { target: `127.0.0.1:${server.port}` };
  },

  openLinkSource: async ({ directory, target }) => {
    source = await openSource(directory, target, agentAddress);
    return {};
  },

  sendFrames: ({ ms }) => {
    if (source === undefined) throw new Error("openLinkSource comes first");
    return source.send(ms);
  },

  openIdleLinks: async ({ target, directories }) => {
    const waiting = [...directories];
    const openNext = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const { address } = readCredentials(join(next, "identity")).identity;
        await openSource(next, target, parseAddress(address));
      }
    };
    await Promise.all(Array.from({ length: 8 }, openNext));
    return {};
  },

  countLinks: () => ({ links: serverLinks }),
};

/** Takes every frame, as durable as a store could make it. */
class SinkHost implements LinkHost {
  private readonly sessions = new Map<number, Session>();

  greeted(link: Link, hello: Hello): void {
    const session = new Session(hello.description.address, hello.storeId, hello.epoch);
    this.sessions.set(link.id, session);
    serverLinks += 1;
    const welcome: Welcome = {
      protocol: 1,
      features: [],
      address: hubAddress,
      title: { zh: "bench" },
      storeId: "sink",
      epoch: 1,
      resumed: false,
      positions: [],
      heartbeatMs: timing.heartbeatMs,
      ancestors: [],
      linkToken: "",
    };
    link.welcome(session, welcome);
  }

  welcomed(): void {
    // Only the dialling end is welcomed.
  }

  run(link: Link, run: Parameters<LinkHost["run"]>[1]): void {
    const session = this.sessions.get(link.id);
    if (session === undefined) return;
    let seq = run.firstSeq;
    for (const _ of run.frames) {
      session.accept(run.lane, seq);
      seq += 1;
    }
    session.markDurable(session.positionsNow());
    link.pump();
  }

  acks(): void {
    // A sink sends nothing that could be acknowledged.
  }

  refusals(): void {
    // Nor anything that could be refused.
  }

  closed(link: Link): void {
    this.sessions.delete(link.id);
    serverLinks -= 1;
  }
}

function openSource(directory: string, target: string, self: Address): Promise<FrameSource> {
  return new Promise((resolve) => {
    const host = new FrameSource(resolve);
    const hello: Hello = {
      protocolMin: 1,
      protocolMax: 1,
      features: [],
      description: {
        address: self,
        kind: "system",
        level: "",
        division: "",
        industry: "",
        region: "",
        title: { zh: "source" },
        capabilities: [],
        hub: false,
        version: "bench",
      },
      storeId: "source",
      epoch: 1,
      dial: 1,
      peerStoreId: "",
      positions: [],
      heartbeatMs: timing.heartbeatMs,
      draining: false,
    };
    createLinkDialer({
      target,
      credentials: readCredentials(join(directory, "identity")),
      expected: hubAddress,
      self,
      hello: () => hello,
      host,
      timing,
      dice: Math.random,
    }).start();
  });
}

class FrameSource implements LinkHost {
  private readonly session = new Session(hubAddress);
  private readonly ready: (source: FrameSource) => void;
  private link: Link | undefined;
  private isSending = false;

  constructor(ready: (source: FrameSource) => void) {
    this.ready = ready;
  }

  greeted(): void {
    // Only the listening end is greeted.
  }

  welcomed(link: Link): void {
    this.link = link;
    link.attach(this.session);
    this.ready(this);
  }

  run(): void {
    // A sink sends nothing.
  }

  acks(link: Link, acks: Parameters<LinkHost["acks"]>[1]): void {
    for (const { lane, seq } of acks) this.session.acknowledge(lane, seq);
    if (this.isSending) this.fill(link);
  }

  refusals(): void {
    // A sink refuses nothing.
  }

  closed(): void {
    this.link = undefined;
  }

  private fill(link: Link): void {
    const { session } = this;
    for (let free = unacknowledgedMax - session.unacknowledged(); free > 0; free -= 1) {
      session.enqueue("chain", frame);
    }
    session.markDurable(session.positionsNow());
    link.pump();
  }

  /** Counts what was acknowledged within the time. */
  async send(ms: number): Promise<SentFrames> {
    const { link, session } = this;
    if (link === undefined) throw new Error("the link is not open");
    const startedMs = performance.now();
    const first = session.acked("chain");
    const { batchesOut, bytesOut } = link.counters;
    this.isSending = true;
    this.fill(link);
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.isSending = false;
    return {
      frames: session.acked("chain") - first,
      batches: link.counters.batchesOut - batchesOut,
      bytes: link.counters.bytesOut - bytesOut,
      ms: performance.now() - startedMs,
    };
  }
}
