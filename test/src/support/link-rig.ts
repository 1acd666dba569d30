// Link rig: both ends of real links on loopback, with sessions that keep nothing: what is received
// or given out counts as durable at once, or when the test says so.

import type {
  Address,
  Frame,
  Hello,
  Lane,
  LaneAck,
  LaneRun,
  NodeDescription,
  Welcome,
} from "@cloudbrain/sdk/domain";
import { parseAddress } from "@cloudbrain/sdk/domain";
import {
  type Credentials,
  createMeshAuthority,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
} from "@cloudbrain/sdk/identity";
import {
  type ClosedReason,
  createLinkDialer,
  type Link,
  type LinkDialer,
  type LinkHost,
} from "@cloudbrain/sdk/link";
import { type LinkTiming, Session } from "@cloudbrain/sdk/session";

export const hubAddress = parseAddress("/city");
export const agentAddress = parseAddress("/city/agent");
export const linkMesh = "link.mesh";

export async function makeAuthority(): Promise<MeshAuthority> {
  const nowMs = Date.now() - 60_000;
  const pem = await createMeshAuthority({
    mesh: linkMesh,
    rootAddress: hubAddress,
    nowMs,
    days: 2,
  });
  return openMeshAuthority(pem, linkMesh);
}

export function makeCredentials(
  authority: MeshAuthority,
  address: Address,
  liveMs = 3_600_000,
): Promise<Credentials> {
  const nowMs = Date.now();
  const notBeforeMs = nowMs - 60_000;
  return issueCredentials(authority, { address, notBeforeMs, notAfterMs: nowMs + liveMs });
}

export function makeHello(address: Address, session: Session, heartbeatMs: number): Hello {
  const description: NodeDescription = {
    address,
    kind: "system",
    level: "",
    division: "",
    industry: "",
    region: "",
    title: { zh: "link" },
    capabilities: [],
    hub: false,
    version: "1",
  };
  return {
    protocolMin: 1,
    protocolMax: 1,
    features: [],
    description,
    storeId: "agent",
    epoch: 1,
    dial: 1,
    peerStoreId: "hub",
    positions: session.positions(),
    heartbeatMs,
    draining: false,
  };
}

/** An answer to an instruction whose id is all that matters; `outputBytes` makes it larger. */
export function makeFrame(id: string, to: Address, outputBytes = 0): Frame {
  const output = JSON.stringify("x".repeat(outputBytes));
  const outcome = "succeeded" as const;
  const body = { kind: "feedback" as const, id, attempt: 1, outcome, output };
  return {
    from: agentAddress,
    to,
    body: { ...body, errorCode: "", message: "", retryable: false, revision: 0 },
    hopLimit: 16,
    traceparent: "",
  };
}

/** What both ends of a test do with frames. */
export class LinkEnd {
  readonly sessions = new Map<Address, Session>();
  readonly linkOf = new Map<Address, Link>();
  readonly closings: ClosedReason[] = [];
  /** Ids in the order in which they were applied. */
  readonly received: string[] = [];
  /** Ids that make the host throw, as a defect of ours would. */
  readonly poison = new Set<string>();

  session(peer: Address): Session {
    const known = this.sessions.get(peer) ?? new Session(peer, "store");
    this.sessions.set(peer, known);
    return known;
  }

  send(peer: Address, frames: readonly Frame[], lane: Lane = "chain"): void {
    const session = this.session(peer);
    for (const frame of frames) session.enqueue(lane, frame);
    session.markDurable(session.positionsNow());
    this.linkOf.get(peer)?.pump();
  }

  peerOf(link: Link): Address | undefined {
    for (const [peer, live] of this.linkOf) if (live === link) return peer;
    return undefined;
  }

  run(link: Link, run: LaneRun): void {
    const peer = this.peerOf(link);
    if (peer === undefined) return;
    const session = this.session(peer);
    for (const [index, { body }] of run.frames.entries()) {
      if (body.kind !== "feedback") continue;
      if (this.poison.has(body.id)) throw new Error(`poison ${body.id}`);
      if (session.accept(run.lane, run.firstSeq + index)) this.received.push(body.id);
    }
    session.markDurable(session.positionsNow());
    link.pump();
  }

  acks(link: Link, acks: readonly LaneAck[]): void {
    const peer = this.peerOf(link);
    if (peer === undefined) return;
    for (const { lane, seq } of acks) this.session(peer).acknowledge(lane, seq);
  }

  refusals(): void {
    // Nothing here refuses.
  }

  closed(link: Link, reason: ClosedReason): void {
    const peer = this.peerOf(link);
    if (peer !== undefined) this.linkOf.delete(peer);
    this.closings.push(reason);
  }
}

/** Takes whoever comes; a second link of a node replaces its first. */
export class HubEnd extends LinkEnd implements LinkHost {
  readonly greetings: Hello[] = [];

  greeted(link: Link, hello: Hello): void {
    this.greetings.push(hello);
    const { address } = hello.description;
    const detail = "a newer link has taken over";
    this.linkOf.get(address)?.close({ code: "EPOCH_FENCED", detail, retryAfterMs: 60_000 });
    const session = this.session(address);
    for (const { lane, received } of hello.positions) session.acknowledge(lane, received);
    this.linkOf.set(address, link);
    const welcome: Welcome = {
      protocol: 1,
      features: [],
      address: hubAddress,
      title: { zh: "hub" },
      storeId: "hub",
      epoch: 1,
      resumed: true,
      positions: session.positions(),
      heartbeatMs: 1_000,
      ancestors: [],
      linkToken: "",
    };
    link.welcome(session, welcome);
  }

  welcomed(): void {
    throw new Error("a hub is not welcomed by its child");
  }
}

export class AgentEnd extends LinkEnd implements LinkHost {
  welcomes = 0;
  readonly losses: ClosedReason[] = [];

  greeted(): void {
    throw new Error("an agent is not greeted by its hub");
  }

  welcomed(link: Link, welcome: Welcome): void {
    this.welcomes += 1;
    const session = this.session(hubAddress);
    for (const { lane, received } of welcome.positions) session.acknowledge(lane, received);
    this.linkOf.set(hubAddress, link);
    link.attach(session);
  }
}

export interface AgentPlan {
  readonly credentials: Credentials;
  readonly port: number;
  readonly timing: LinkTiming;
  readonly expected?: Address;
  /** What its Hello claims; otherwise what its certificate says. */
  readonly claims?: Address;
  readonly connectTimeoutMs?: number;
}

export function makeDialer(end: AgentEnd, plan: AgentPlan): LinkDialer {
  const { credentials, port, timing, expected = hubAddress } = plan;
  const address = plan.claims ?? credentials.identity.address;
  return createLinkDialer({
    target: `127.0.0.1:${port}`,
    credentials,
    expected,
    self: address,
    hello: () => makeHello(address, end.session(hubAddress), timing.heartbeatMs),
    host: end,
    timing,
    dice: () => 0.5,
    onLost: (reason) => end.losses.push(reason),
    ...(plan.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: plan.connectTimeoutMs }),
  });
}
