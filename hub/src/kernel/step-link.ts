// Steps: links come and go, frames arrive.
//
//   S1  A peer is what its certificate says; the shell has compared that with its Hello.
//   S2  Only a direct child of ours may dial us, and no node that stands above us (no loops).
//   S3  A lower epoch than the last one seen is a clone or a ghost: refused. The same or a higher
//       one replaces the present link.
//   S4  Who may say what stands in one table; a frame outside it is refused, never acted on.

import {
  type Address,
  type ErrorCode,
  type Frame,
  type FrameBody,
  type Hello,
  ignorableKind,
  isWithin,
  type Lane,
  parentOf,
} from "@cloudbrain/sdk/domain";
import { amnesiaGoodbye, type Session } from "@cloudbrain/sdk/session";
import type { Deciding } from "./deciding.ts";
import type { HubEvent } from "./events.ts";
import { nextHop } from "./routing.ts";
import { stepDelegate, stepPartial, stepPartLost, stepWithdraw } from "./step-fanout.ts";
import { registerAbove, registerWith, stepRegister, stepRegistered } from "./step-registration.ts";
import { stepTaskCancel, stepTaskInstruction } from "./step-task-change.ts";
import {
  stepAccepted,
  stepFeedback,
  stepNodeGone,
  stepNodeReborn,
  stepProgress,
} from "./step-work.ts";

type EventOf<Type extends HubEvent["type"]> = Extract<HubEvent, { type: Type }>;

/** Live links: which connection belongs to which peer. Not part of the durable state. */
export interface LinkTable {
  readonly byLink: Map<number, Address>;
  readonly byPeer: Map<Address, number>;
  /** Addresses above us, from the root; known once our parent has welcomed us. */
  ancestors: readonly Address[];
}

export function createLinkTable(): LinkTable {
  return { byLink: new Map(), byPeer: new Map(), ancestors: [] };
}

function close(
  deciding: Deciding,
  link: number,
  code: ErrorCode,
  detail: string,
  retryAfterMs: number,
): void {
  deciding.emit({ type: "closeLink", link, goodbye: { code, detail, retryAfterMs } });
}

/** Refusals that only a person can mend are not asked again before this. */
const refusedRetryMs = 30_000;

export function stepGreeted(
  deciding: Deciding,
  links: LinkTable,
  event: EventOf<"linkGreeted">,
): void {
  const { state } = deciding;
  const { hello, link } = event;
  const peer = hello.description.address;
  if (links.ancestors.includes(peer) || peer === state.self) {
    const detail = `${peer} stands above ${state.self}`;
    close(deciding, link, "LOOP_REFUSED", detail, refusedRetryMs);
    return;
  }
  if (parentOf(peer) !== state.self) {
    const detail = `${peer} is not a child of ${state.self}`;
    close(deciding, link, "ADDRESS_REFUSED", detail, refusedRetryMs);
    return;
  }
  const session = state.session(peer);
  const isNewStore = session.peerStoreId !== hello.storeId;
  if (!isNewStore && hello.epoch < session.peerEpoch) {
    const detail =
      `epoch ${hello.epoch} of ${peer} is older than ${session.peerEpoch}: ` +
      "stop the copy of it that should not run, or restore its newest store";
    close(deciding, link, "EPOCH_FENCED", detail, refusedRetryMs);
    return;
  }
  const resumed = !isNewStore && hello.peerStoreId !== "";
  if (resumed && !agree(deciding, link, session, hello)) return;
  replaceLink(deciding, links, peer, link);
  const reset = !resumed && (session.peerStoreId !== "" || session.unacknowledged() > 0);
  deciding.decide({
    t: "linkUp",
    peer,
    storeId: hello.storeId,
    epoch: hello.epoch,
    role: "child",
    reset,
    description: hello.description,
    ...(hello.draining ? { draining: true } : {}),
  });
  if (resumed) trim(deciding, session, hello.positions);
  if (reset) {
    stepNodeReborn(deciding, peer);
    delegateAgain(deciding, peer);
  }
  registerWith(deciding, peer);
  deciding.emit({
    type: "welcome",
    link,
    session,
    welcome: {
      protocol: hello.protocolMax,
      features: [],
      address: state.self,
      epoch: state.epoch,
      resumed,
      positions: session.positions(),
      ancestors: [...links.ancestors, state.self],
    },
  });
}

/** False when one end has forgotten something: then nobody serves (N5 of the session). */
function agree(
  deciding: Deciding,
  link: number,
  session: Session,
  { epoch, positions }: Pick<Hello, "epoch" | "positions">,
): boolean {
  const verdict = session.judge(positions, epoch > session.peerEpoch);
  if (verdict.kind === "consistent") return true;
  const { lane, ours, theirs } = verdict;
  const ends = { self: deciding.state.self, peer: session.peer };
  deciding.emit({ type: "closeLink", link, goodbye: amnesiaGoodbye(ends, verdict) });
  if (verdict.kind === "weForgot") {
    deciding.emit({ type: "amnesia", peer: session.peer, lane, ours, theirs });
  }
  return false;
}

function trim(
  deciding: Deciding,
  session: Session,
  positions: Parameters<Session["judge"]>[0],
): void {
  for (const { lane, received } of positions) {
    if (received > session.acked(lane)) {
      deciding.decide({ t: "acked", peer: session.peer, lane, seq: received });
    }
  }
}

function replaceLink(deciding: Deciding, links: LinkTable, peer: Address, link: number): void {
  const old = links.byPeer.get(peer);
  if (old !== undefined && old !== link) {
    links.byLink.delete(old);
    close(deciding, old, "EPOCH_FENCED", "a newer connection of this node has taken over", 0);
  }
  links.byPeer.set(peer, link);
  links.byLink.set(link, peer);
}

/**
 * A child hub with a new store knows nothing of what it was asked: it is asked again where the
 * answer still counts. What was taken back needs no answer, and what has its result no new work.
 */
function delegateAgain(deciding: Deciding, child: Address): void {
  const { fanouts, chains } = deciding.state;
  for (const fanout of fanouts.values()) {
    const part = fanout.children.get(child);
    if (part === undefined || part.final || fanout.stage === "kept") continue;
    const isTakenBack = fanout.withdrawn || chains.get(fanout.chain)?.state === "cancelling";
    if (isTakenBack) stepPartLost(deciding, fanout, part);
    else deciding.decide({ t: "delegatedAgain", fanout: fanout.id, child });
  }
}

export function stepWelcomed(
  deciding: Deciding,
  links: LinkTable,
  event: EventOf<"linkWelcomed">,
): void {
  const { state } = deciding;
  const { welcome, link } = event;
  if (welcome.ancestors.includes(state.self)) {
    close(deciding, link, "LOOP_REFUSED", `${welcome.address} stands below us`, refusedRetryMs);
    return;
  }
  const session = state.session(welcome.address);
  const isNewStore = session.peerStoreId !== welcome.storeId;
  if (!isNewStore && welcome.resumed && !agree(deciding, link, session, welcome)) return;
  replaceLink(deciding, links, welcome.address, link);
  links.ancestors = welcome.ancestors;
  const reset =
    (isNewStore || !welcome.resumed) &&
    (session.peerStoreId !== "" || session.unacknowledged() > 0);
  deciding.decide({
    t: "linkUp",
    peer: welcome.address,
    storeId: welcome.storeId,
    epoch: welcome.epoch,
    role: "parent",
    reset,
  });
  if (!reset) trim(deciding, session, welcome.positions);
  if (reset) reportPartialsAgain(deciding);
  registerAbove(deciding, reset);
  deciding.emit({ type: "attached", link, session });
  const nodes = [...state.nodes.keys()].sort();
  deciding.decide({ t: "nodesReported", nodes, snapshot: true });
}

/** The parent lost its store: what it delegated is unknown to it; our partials tell it again. */
function reportPartialsAgain(deciding: Deciding): void {
  for (const fanout of deciding.state.fanouts.values()) {
    if (fanout.upstream !== undefined) deciding.reviewFanout(fanout.id);
  }
}

export function stepLinkClosed(deciding: Deciding, links: LinkTable, link: number): void {
  const peer = links.byLink.get(link);
  if (peer === undefined) return;
  links.byLink.delete(link);
  if (links.byPeer.get(peer) === link) links.byPeer.delete(peer);
  const { state } = deciding;
  const gone = [...state.nodes.values()]
    .filter((node) => node.state === "online" && isWithin(node.description.address, peer))
    .map(({ description }) => description.address);
  deciding.decide({ t: "linkDown", peer });
  if (peer === state.parent) return;
  for (const address of gone) stepNodeGone(deciding, address);
}

export function stepAcks(deciding: Deciding, links: LinkTable, event: EventOf<"acks">): void {
  const peer = links.byLink.get(event.link);
  if (peer === undefined) return;
  const session = deciding.state.session(peer);
  for (const { lane, seq } of event.acks) {
    if (seq > session.acked(lane) && seq <= session.durableOut(lane)) {
      deciding.decide({ t: "acked", peer, lane, seq });
    }
  }
}

export function stepFrames(deciding: Deciding, links: LinkTable, event: EventOf<"frames">): void {
  const peer = links.byLink.get(event.link);
  // Frames of a link that has been replaced come again on the new one.
  if (peer === undefined) return;
  const session = deciding.state.session(peer);
  const first = session.expects(event.lane);
  const last = event.firstSeq + event.frames.length - 1;
  if (event.firstSeq > first || last < first) return;
  deciding.decide({ t: "received", peer, lane: event.lane, from: first, to: last });
  for (let seq = first; seq <= last; seq += 1) {
    const frame = event.frames[seq - event.firstSeq];
    if (frame !== undefined) stepFrame(deciding, peer, event, seq, frame);
  }
}

function stepFrame(
  deciding: Deciding,
  peer: Address,
  event: { readonly link: number; readonly lane: Lane },
  seq: number,
  frame: Frame,
): void {
  const { state } = deciding;
  const refuse = (code: ErrorCode, detail: string): void => {
    const refusal = { lane: event.lane, seq, code, detail };
    deciding.emit({ type: "refuseFrame", link: event.link, refusal });
  };
  const isFromAbove = peer === state.parent;
  if (isFromAbove ? isWithin(frame.from, state.self) : !isWithin(frame.from, peer)) {
    refuse("FRAME_FORBIDDEN", `${peer} may not speak for ${frame.from}`);
    return;
  }
  if (frame.to !== state.self) {
    relay(deciding, peer, event.lane, frame, refuse);
    return;
  }
  const { body } = frame;
  if (body.kind === "opaque") {
    if (body.wireKind < ignorableKind)
      refuse("FRAME_INVALID", `kind ${body.wireKind} is not readable`);
    return;
  }
  if (!isAllowed(deciding, peer, isFromAbove, body)) {
    refuse("FRAME_FORBIDDEN", `${peer} may not send ${body.kind}`);
    return;
  }
  stepBody(deciding, peer, { from: frame.from, lane: event.lane }, body, refuse);
}

function relay(
  deciding: Deciding,
  peer: Address,
  lane: Lane,
  frame: Frame,
  refuse: (code: ErrorCode, detail: string) => void,
): void {
  const { state } = deciding;
  const next = nextHop(state, frame.to);
  // A frame from above that would go up again has lost its way (R2).
  if (next === undefined || next === peer || frame.hopLimit <= 1) {
    refuse("TARGET_UNKNOWN", `no way from ${state.self} to ${frame.to}`);
    return;
  }
  const forwarded = { ...frame, hopLimit: frame.hopLimit - 1 };
  deciding.decide({ t: "relayed", peer: next, lane, frame: forwarded });
}

/** S4. Rows: who sends. Agents answer, child hubs report, the parent delegates. */
const fromAbove: ReadonlySet<FrameBody["kind"]> = new Set([
  "instruction",
  "delegate",
  "withdraw",
  "cancel",
  "register",
]);
const fromAgent: ReadonlySet<FrameBody["kind"]> = new Set(["accepted", "progress", "feedback"]);
const fromHub: ReadonlySet<FrameBody["kind"]> = new Set([
  "accepted",
  "progress",
  "feedback",
  "partial",
  "nodes",
  "registered",
]);

function isAllowed(
  deciding: Deciding,
  peer: Address,
  isFromAbove: boolean,
  body: FrameBody,
): boolean {
  if (isFromAbove) return fromAbove.has(body.kind);
  const isHub = deciding.state.nodes.get(peer)?.description.hub === true;
  return (isHub ? fromHub : fromAgent).has(body.kind);
}

function stepBody(
  deciding: Deciding,
  peer: Address,
  { from, lane }: { readonly from: Address; readonly lane: Lane },
  body: FrameBody,
  refuse: (code: ErrorCode, detail: string) => void,
): void {
  switch (body.kind) {
    case "accepted":
      stepAccepted(deciding, body.id, body.attempt);
      return;
    case "progress":
      stepProgress(deciding, body);
      return;
    case "feedback":
      stepFeedback(deciding, from, body, refuse);
      return;
    case "partial":
      stepPartial(deciding, from, body);
      return;
    case "instruction": {
      const { task } = body;
      if (task === undefined) refuse("FRAME_FORBIDDEN", "a hub works on tasks of people alone");
      else stepTaskInstruction(deciding, from, { ...body, task });
      return;
    }
    case "cancel":
      stepTaskCancel(deciding, from, body);
      return;
    case "delegate":
      stepDelegate(deciding, from, body, lane);
      return;
    case "withdraw":
      stepWithdraw(deciding, from, body);
      return;
    case "register":
      stepRegister(deciding, from, body, refuse);
      return;
    case "registered":
      stepRegistered(deciding, from, body);
      return;
    case "nodes": {
      const foreign = body.upserts.find(({ description }) => !isBelow(description.address, peer));
      if (foreign !== undefined) {
        const { address } = foreign.description;
        refuse("FRAME_FORBIDDEN", `${address} does not stand below ${peer}`);
        return;
      }
      const removed = body.removed.filter((address) => isBelow(address, peer));
      deciding.decide({
        t: "nodesTold",
        child: peer,
        upserts: body.upserts,
        removed,
        final: body.final,
      });
      for (const { description, state } of body.upserts) {
        if (state !== "online") stepNodeGone(deciding, description.address);
      }
      return;
    }
  }
}

function isBelow(address: Address, peer: Address): boolean {
  return address !== peer && isWithin(address, peer);
}
