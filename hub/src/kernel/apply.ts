// Apply: the only code that writes a hub's state (K2). Total and deterministic: no decision is
// taken here, frames are put into outboxes here, and a due time is set here.

import {
  type Address,
  type Fact,
  type Frame,
  type FrameBody,
  type Lane,
  limits,
  type NodeDescription,
  type NodeState,
  parentOf,
} from "@cloudbrain/sdk/domain";
import type { ApplicationFact, RegistrationFact } from "./application-facts.ts";
import type { ApplicationTable } from "./application-rows.ts";
import { applyApplicationFact } from "./apply-application.ts";
import { applyAssignmentFact } from "./apply-assignment.ts";
import { applyChainFact } from "./apply-chain.ts";
import { applyFanoutFact } from "./apply-fanout.ts";
import { applyLinkFact, type LinkFact } from "./apply-link.ts";
import { applyOperatorFact } from "./apply-operator.ts";
import { applyRegistrationFact } from "./apply-registration.ts";
import { applyTaskFact } from "./apply-task.ts";
import { applyUserFact } from "./apply-user.ts";
import { applyWaitFact } from "./apply-wait.ts";
import type { HubFact } from "./facts.ts";
import { laneOf } from "./lane-of.ts";
import { nextHop } from "./routing.ts";
import type { HubState } from "./state.ts";
import type { UserFact } from "./user-facts.ts";

/** Rows that a checkpoint has to write. */
export interface Dirty {
  mark(
    table:
      | "application"
      | ApplicationTable
      | "chain"
      | "key"
      | "fanout"
      | "node"
      | "session"
      | "user"
      | "token"
      | "task",
    key: string,
  ): void;
}

/** What apply works on. */
export interface Applying {
  readonly state: HubState;
  readonly dirty: Dirty;
  readonly atMs: number;
}

export function applyFact(applying: Applying, fact: Fact): void {
  const known = fact as HubFact;
  switch (known.t) {
    case "chainStarted":
    case "serviceStarted":
    case "stepEnded":
    case "chainSuspended":
    case "chainRetried":
    case "chainCancelling":
    case "chainEnded":
    case "chainCompensating":
    case "compensationStarted":
    case "compensationEnded":
      applyChainFact(applying, known);
      return;
    case "chainResumed":
    case "stepRetried":
    case "stepSkipped":
      applyOperatorFact(applying, known);
      return;
    case "waitBegun":
    case "signalSent":
    case "signalRetained":
      applyWaitFact(applying, known);
      return;
    case "fanoutOpened":
    case "membersPut":
    case "fed":
    case "revised":
    case "fanoutClosed":
    case "fanoutEnded":
    case "partialReceived":
    case "partialEmitted":
    case "withdrawn":
    case "delegatedAgain":
      applyFanoutFact(applying, known);
      return;
    case "offered":
    case "accepted":
    case "progressed":
    case "backedOff":
    case "ended":
      applyAssignmentFact(applying, known);
      return;
    case "taskOpened":
    case "taskChanged":
    case "taskRefused":
    case "taskArchived":
      applyTaskFact(applying, known);
      return;
    case "late":
      // The journal is its place; the result that has been given stays as it is.
      return;
    default:
      applyStandingFact(applying, known);
  }
}

/** What stands whether chains run or not: applications, users, nodes and links. */
function applyStandingFact(
  applying: Applying,
  fact: ApplicationFact | RegistrationFact | UserFact | LinkFact,
): void {
  switch (fact.t) {
    case "published":
    case "applicationStateSet":
    case "applicationPinned":
      applyApplicationFact(applying, fact);
      return;
    case "registrationOpened":
    case "registrationSent":
    case "registrationAnswered":
    case "registrationReported":
    case "registrationWithdrawn":
      applyRegistrationFact(applying, fact);
      return;
    case "userCreated":
    case "userUpdated":
    case "userStateSet":
    case "passwordSet":
    case "passwordWrong":
    case "userLockedOut":
    case "signedIn":
    case "tokenUsed":
    case "tokenEnded":
    case "tokensEnded":
      applyUserFact(applying, fact);
      return;
    default:
      applyLinkFact(applying, fact);
  }
}

/** Puts a frame of ours into the outbox towards `to`. Without a route it is dropped: callers that
 *  wait for an answer have a deadline. */
export function sendFrame(applying: Applying, to: Address, body: FrameBody): void {
  const { state } = applying;
  const peer = nextHop(state, to);
  if (peer === undefined) return;
  const frame: Frame = {
    from: state.self,
    to,
    body,
    hopLimit: limits.addressSegmentsMax,
    traceparent: "",
  };
  enqueueFrame(applying, peer, laneOf(state, body), frame);
}

export function enqueueFrame(applying: Applying, peer: Address, lane: Lane, frame: Frame): void {
  applying.state.session(peer).enqueue(lane, frame);
  applying.dirty.mark("session", peer);
}

/** Writes a node's record and the index of capabilities. */
export function putNode(
  applying: Applying,
  description: NodeDescription,
  nodeState: NodeState,
  epoch: number,
  changedAtMs: number,
): void {
  const { state } = applying;
  dropFromIndex(state, description.address);
  state.nodes.set(description.address, { description, state: nodeState, epoch, changedAtMs });
  for (const capability of description.capabilities) {
    const holders = state.nodesByCapability.get(capability);
    if (holders === undefined) {
      state.nodesByCapability.set(capability, new Set([description.address]));
    } else {
      holders.add(description.address);
    }
  }
  applying.dirty.mark("node", description.address);
  noteNews(state, description.address);
}

export function dropNode(applying: Applying, address: Address): void {
  dropFromIndex(applying.state, address);
  applying.state.nodes.delete(address);
  applying.dirty.mark("node", address);
  noteNews(applying.state, address);
}

function dropFromIndex(state: HubState, address: Address): void {
  const known = state.nodes.get(address);
  if (known === undefined) return;
  for (const capability of known.description.capabilities) {
    state.nodesByCapability.get(capability)?.delete(address);
  }
}

/** The parent hears of changes in groups: a district that restarts is one frame, not hundreds. */
const newsDelayMs = 300;

function noteNews(state: HubState, address: Address): void {
  if (state.parent === undefined) return;
  state.nodeNews.add(address);
  if (parentOf(address) === state.self) state.registrationsChanged = true;
}

/** Arms the timer that reports news; called once per commit's worth of facts. */
export function armNews(state: HubState, nowMs: number): void {
  if (state.nodeNews.size === 0 || state.nodeNewsDueMs > 0) return;
  state.nodeNewsDueMs = nowMs + newsDelayMs;
  state.due.push("nodes", "", state.nodeNewsDueMs);
}
