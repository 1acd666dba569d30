// Apply: facts about links, sessions and the nodes that stand behind them.

import { type Address, isWithin, type NodeNews } from "@cloudbrain/sdk/domain";
import { type Applying, dropNode, enqueueFrame, putNode, sendFrame } from "./apply.ts";
import { arm, leaseGraceMs, markOwner, renewLease } from "./apply-assignment.ts";
import { forgetTold } from "./apply-registration.ts";
import { answerAgain } from "./apply-task.ts";
import type { HubFact } from "./facts.ts";
import { assignmentsTo } from "./registry.ts";
import type { HubState } from "./state.ts";

export type LinkFact = Extract<
  HubFact,
  {
    t:
      | "started"
      | "linkUp"
      | "linkDown"
      | "nodesTold"
      | "nodesReported"
      | "relayed"
      | "received"
      | "acked"
      | "drained";
  }
>;

/** Nodes in one frame of news: about 40 KiB. */
const nodesPerFrame = 200;

export function applyLinkFact(applying: Applying, fact: LinkFact): void {
  const { state, dirty, atMs } = applying;
  switch (fact.t) {
    case "started":
      state.epoch = fact.epoch;
      state.draining = false;
      // Nobody is connected at the start of a life; who is alive dials again.
      for (const [address, record] of state.nodes) {
        if (record.state !== "offline" && record.state !== "retired") {
          putNode(applying, record.description, "offline", record.epoch, atMs);
          graceWork(applying, address);
        }
      }
      return;
    case "drained":
      state.draining = true;
      return;
    case "linkUp":
      raiseLink(applying, fact);
      return;
    case "linkDown": {
      const record = state.nodes.get(fact.peer);
      if (fact.peer === state.parent || record === undefined) return;
      putNode(applying, record.description, "offline", record.epoch, atMs);
      graceWork(applying, fact.peer);
      if (record.description.hub) suspectBelow(applying, fact.peer);
      return;
    }
    case "nodesTold":
      takeNews(applying, fact.child, fact.upserts, fact.removed, fact.final);
      return;
    case "nodesReported":
      reportNodes(applying, fact.nodes, fact.snapshot);
      return;
    case "relayed":
      enqueueFrame(applying, fact.peer, fact.lane, fact.frame);
      return;
    case "received": {
      const session = state.session(fact.peer);
      for (let seq = fact.from; seq <= fact.to; seq += 1) session.accept(fact.lane, seq);
      dirty.mark("session", fact.peer);
      return;
    }
    case "acked":
      state.session(fact.peer).acknowledge(fact.lane, fact.seq);
      dirty.mark("session", fact.peer);
  }
}

function raiseLink(applying: Applying, fact: Extract<LinkFact, { t: "linkUp" }>): void {
  const { state, dirty, atMs } = applying;
  const session = state.session(fact.peer);
  // What others asked us to carry still has to arrive; our own frames are made anew where needed.
  if (fact.reset) session.reset(fact.storeId, (frame) => frame.from !== state.self);
  session.peerStoreId = fact.storeId;
  session.peerEpoch = fact.epoch;
  dirty.mark("session", fact.peer);
  if (fact.role === "parent") {
    state.parent = fact.peer;
    if (fact.reset) answerAgain(applying);
    return;
  }
  if (fact.reset) forgetTold(applying, fact.peer);
  if (fact.description === undefined) return;
  const nodeState = fact.draining === true ? "draining" : "online";
  putNode(applying, fact.description, nodeState, fact.epoch, atMs);
  if (fact.description.hub) markStale(state, fact.peer);
  endGrace(applying, fact.peer);
}

/** Until the child's snapshot has named them, we can't know whether they are still there. */
function markStale(state: HubState, child: Address): void {
  const stale = new Set<Address>();
  for (const address of state.nodes.keys()) {
    if (address !== child && isWithin(address, child)) stale.add(address);
  }
  state.staleNodes.set(child, stale);
}

/** What stands below a hub that is gone may live on; nobody can tell until its next snapshot. */
function suspectBelow(applying: Applying, hub: Address): void {
  for (const [address, record] of applying.state.nodes) {
    if (record.state !== "online" || address === hub || !isWithin(address, hub)) continue;
    putNode(applying, record.description, "suspect", record.epoch, applying.atMs);
    graceWork(applying, address);
  }
}

function takeNews(
  applying: Applying,
  child: Address,
  upserts: readonly NodeNews[],
  removed: readonly Address[],
  final: boolean,
): void {
  const { state, dirty } = applying;
  const stale = state.staleNodes.get(child);
  // The row of the session says which are left, so that a start in the middle drops the same ones.
  if (stale !== undefined) dirty.mark("session", child);
  for (const { description, state: nodeState, epoch, changedAtMs } of upserts) {
    stale?.delete(description.address);
    putNode(applying, description, nodeState, epoch, changedAtMs);
    if (nodeState === "online") endGrace(applying, description.address);
    else graceWork(applying, description.address);
  }
  for (const address of removed) dropNode(applying, address);
  if (!final || stale === undefined) return;
  for (const address of stale) dropNode(applying, address);
  state.staleNodes.delete(child);
}

function reportNodes(applying: Applying, nodes: readonly Address[], snapshot: boolean): void {
  const { state } = applying;
  state.nodeNewsDueMs = 0;
  if (state.parent === undefined) return;
  const upserts: NodeNews[] = [];
  const removed: Address[] = [];
  for (const address of nodes) {
    state.nodeNews.delete(address);
    const record = state.nodes.get(address);
    if (record === undefined) removed.push(address);
    else upserts.push(record);
  }
  const frames = Math.max(1, Math.ceil(upserts.length / nodesPerFrame));
  for (let index = 0; index < frames; index += 1) {
    const last = index === frames - 1;
    sendFrame(applying, state.parent, {
      kind: "nodes",
      upserts: upserts.slice(index * nodesPerFrame, (index + 1) * nodesPerFrame),
      removed: last ? removed : [],
      final: snapshot && last,
    });
  }
}

/** A lease is bound to the link of its session: when that breaks, the grace begins. */
export function graceWork(applying: Applying, node: Address): void {
  const { state, atMs } = applying;
  for (const assignment of assignmentsTo(state, node)) {
    if (assignment.state !== "accepted" || assignment.task !== undefined) continue;
    assignment.leaseDueMs = atMs + leaseGraceMs;
    markOwner(applying, assignment, false);
    arm(state, assignment);
  }
}

function endGrace(applying: Applying, node: Address): void {
  const { state } = applying;
  for (const assignment of assignmentsTo(state, node)) {
    if (assignment.state !== "accepted") continue;
    renewLease(applying, assignment);
    markOwner(applying, assignment, false);
    arm(state, assignment);
  }
}
