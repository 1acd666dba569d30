// State of a hub's kernel: what the facts build. Only apply-*.ts write it.

import type {
  Accumulators,
  Address,
  AggregateRule,
  Application,
  Contribution,
  FanoutEach,
  JsonObject,
  JsonValue,
  NodeRecord,
  Step,
  TaskHeading,
  TaskPeople,
} from "@cloudbrain/sdk/domain";
import { Session } from "@cloudbrain/sdk/session";
import type { Pin, Publication, Registration } from "./application-state.ts";
import { DueHeap } from "./due-heap.ts";
import type { Task } from "./task-state.ts";
import type { SignInToken, User } from "./user-state.ts";
import { WaitIndex } from "./wait-index.ts";
import { WorklistIndex } from "./worklist-index.ts";

export type ChainState =
  | "running"
  | "suspended"
  | "cancelling"
  | "compensating"
  | "succeeded"
  | "failed"
  | "cancelled";
export const endedChainStates: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);

export type StepState =
  | "waiting"
  | "running"
  | "suspended"
  | "succeeded"
  | "failed"
  | "skipped"
  | "cancelled";
export const endedStepStates: ReadonlySet<string> = new Set([
  "succeeded",
  "failed",
  "skipped",
  "cancelled",
]);

/** What people see of one child's part in a fan-out. */
export interface ChildSummary {
  readonly address: Address;
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  readonly final: boolean;
  readonly version: number;
  readonly aggregate: JsonObject;
}
export interface FanoutSummary {
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  readonly closed: boolean;
  readonly aggregate: JsonObject;
  readonly children: readonly ChildSummary[];
  readonly missing: readonly string[];
}

/** What a step without an instruction waits for. `dueMs` is absolute, 0 for none. */
export type StepWait =
  | { readonly kind: "timer"; readonly dueMs: number }
  | { readonly kind: "gate"; readonly dueMs: number; readonly signal: string }
  | {
      readonly kind: "subflow";
      readonly dueMs: number;
      /** The chain that it waits for. */
      readonly child: string;
      /** The child goes on when we are cancelled. */
      readonly leave: boolean;
    };

/** What a person did to a chain by hand. */
export interface ChainNote {
  readonly atMs: number;
  /** Address of who did it. */
  readonly by: string;
  readonly action: "suspended" | "resumed" | "retried" | "skipped" | "rematched" | "cancelled";
  /** Empty where it was about the whole chain. */
  readonly step: string;
  readonly reason: string;
}

/** A signal for this chain alone that came before its gate opened. */
export interface RetainedSignal {
  readonly name: string;
  readonly payload: JsonValue;
  readonly source: string;
}

/** The step that started a chain. */
export interface ChainParent {
  readonly chain: string;
  readonly step: string;
  /** Chains above this one. */
  readonly depth: number;
}

export interface StepRun {
  readonly id: string;
  readonly type: Step["type"];
  state: StepState;
  /** Counts the runs of the step, from 1 with its first start. */
  visit: number;
  output: JsonValue;
  reason: string;
  startedAtMs: number;
  endedAtMs: number;
  /** Node of a service step's last attempt. */
  node: string;
  attempt: number;
  /** Kept when a fan-out has ended: the result that was given. */
  summary: FanoutSummary | undefined;
  /** While the step is running and nobody has an instruction for it. */
  wait?: StepWait | undefined;
  /** What late feedback has made of it since; absent while it is the result that was given. */
  revised?: FanoutSummary;
  /** It failed, and `onError` stands in for its output: there is nothing to compensate. */
  substituted?: true;
}

/** One thing to undo: a step as a whole, or what the members of one of its fan-outs did. */
export interface CompensationTask {
  readonly step: string;
  readonly of: "step" | "members";
  /** Id of the run that is undone; the instruction or fan-out that undoes it adds `~try`. */
  readonly run: string;
  /** Counts from 1; grows when an operator lets a failed one be tried again. */
  tries: number;
  state: "waiting" | "running" | "done" | "failed";
  reason: string;
}

/** How the chain will end once everything is undone, and what is to be undone, in order. */
export interface CompensationPlan {
  readonly outcome: "failed" | "cancelled";
  readonly reason: string;
  readonly tasks: readonly CompensationTask[];
}

export function taskId({ run, tries }: CompensationTask): string {
  return `${run}~${tries}`;
}

export interface Chain {
  readonly id: string;
  readonly application: Application;
  readonly key: string;
  /** Hash of what was submitted with the key: another body with the same key is a conflict. */
  readonly bodyHash: string;
  readonly input: JsonValue;
  readonly submitter: string;
  /** 0..100: its place in worklists and queues. */
  readonly priority: number;
  /** Of a chain that a subflow step has started. */
  readonly parent: ChainParent | undefined;
  readonly startedAtMs: number;
  state: ChainState;
  reason: string;
  output: JsonValue;
  endedAtMs: number;
  /** Total deadline, or the end of patience while cancelling; 0 means none. */
  dueMs: number;
  /** Grows with every change: watchers resume by it. */
  revision: number;
  /** Suspended by a person: no step's end lets it go on. */
  held: boolean;
  notes: readonly ChainNote[];
  /** At most one for each name. */
  signals: readonly RetainedSignal[];
  readonly steps: Map<string, StepRun>;
  compensation?: CompensationPlan;
}

export type AssignmentOwner =
  | { readonly kind: "step"; readonly chain: string; readonly step: string }
  | { readonly kind: "member"; readonly fanout: string; readonly member: string }
  | { readonly kind: "compensation"; readonly chain: string; readonly step: string };

/** Of an instruction that people do: what the origin has to know of the task. */
export interface AssignmentTask {
  /** The matched node; `Assignment.node` is the desk that holds its tasks. */
  readonly about: Address;
  /** Absent: those of the fan-out. */
  readonly people?: TaskPeople;
  /** Absent: that of the fan-out. */
  readonly heading?: TaskHeading;
  /** A desk that is silent until then is given up. */
  readonly safetyDueMs: number;
  /** Matched nodes that have returned it. */
  readonly returnedBy: readonly Address[];
}

/** What the members of a fan-out that people do have in common. */
export interface FanoutHuman {
  readonly heading: TaskHeading;
  /** Absent where each member has its own. */
  readonly people?: TaskPeople;
  readonly safetyDueMs: number;
}

/** One instruction that is not ended: offered, accepted or waiting for its next attempt. */
export interface Assignment {
  readonly id: string;
  readonly owner: AssignmentOwner;
  readonly chain: string;
  readonly step: string;
  readonly input: string;
  node: Address;
  attempt: number;
  state: "offered" | "accepted" | "backoff";
  /** Deadlines by the journal clock, 0 = none. The earliest one is the timer. */
  startDueMs: number;
  finishDueMs: number;
  leaseDueMs: number;
  retryDueMs: number;
  totalDueMs: number;
  progress: number;
  note: string;
  /** Present when people do it. */
  task: AssignmentTask | undefined;
  /** Nodes that gave it back: not their business. */
  refusedBy?: readonly Address[];
}

export interface Member {
  readonly key: string;
  /** Who does it, or did; for people, whom it is about. */
  node: Address;
  /** `queued`: waits until fewer than `concurrencyMax` are at work. */
  state: "queued" | "live" | "replied" | "failed";
  contribution: Contribution;
  /** Of the feedback that its row was written by; -1: none was. */
  revision: number;
  atMs: number;
  reason: string;
  /** For `by: items`: what the member is about. */
  readonly item: JsonValue;
  /** The hub that holds its task; absent when a node does it. */
  desk?: Address;
  /** Its place in the list of items; only while it is queued. */
  index?: number;
  /** What it gave; kept where it may have to be undone. */
  output?: JsonValue;
}

export interface ChildPart {
  readonly address: Address;
  version: number;
  closed: boolean;
  final: boolean;
  members: number;
  replied: number;
  failed: number;
  accumulators: Accumulators;
  missing: readonly Address[];
}

export interface Fanout {
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  /** The hub that delegated it to us, or undefined at the origin. */
  readonly upstream: Address | undefined;
  readonly by: "level" | "items" | "match";
  readonly scope: string;
  readonly level: string;
  readonly each: FanoutEach;
  readonly aggregate: AggregateRule;
  readonly context: JsonObject;
  readonly openedAtMs: number;
  readonly membersMax: number;
  /** End of the whole fan-out here. */
  readonly dueMs: number;
  readonly members: Map<string, Member>;
  readonly children: Map<Address, ChildPart>;
  /** Own members, by state: kept beside the rows and compared with them by the auditor. */
  live: number;
  replied: number;
  failed: number;
  /** Version of the last partial sent up; 0 before the first. */
  version: number;
  emitDueMs: number;
  /** Something changed since the last partial. */
  changed: boolean;
  withdrawn: boolean;
  /** Of an emergency: its frames travel ahead of all others. */
  readonly urgent?: true;
  /** Present when people do it. */
  readonly human: FanoutHuman | undefined;
  /** Withdrawn, and nothing of it will be undone. */
  forgets: boolean;
  /** Keys of members that wait to be dispatched, in the order of keys. */
  queue: string[];
  readonly concurrencyMax: number;
  /** The step that it grows with has not ended: members may still come. */
  growing: boolean;
  /** Items that were over the limit of members. */
  overflow: number;
  /** Other steps of the chain read it while it runs. */
  readonly feeds: boolean;
  /** The last partial told that every member has answered. */
  toldSettled: boolean;
  /**
   * `late`: its result was given, later feedback still counts; `kept`: nothing runs any more, the
   * rows are needed to refuse late feedback or to undo what the members did.
   */
  stage: "open" | "late" | "kept";
  /** When the row goes, in a stage after `open`; 0: with its chain. */
  keepDueMs: number;
  /** What has changed since the result was given. */
  lateChanges: number;
  /** Id of the fan-out whose members it undoes. */
  readonly compensates: string | undefined;
}

/** The next moment at which the fan-out has something to do; 0 for none. */
export function fanoutDueMs(fanout: Fanout): number {
  return fanout.stage === "open" ? fanout.dueMs : fanout.keepDueMs;
}

/** Who holds a key: the chain, and what was submitted with it. */
export interface KeyHolder {
  readonly chain: string;
  readonly bodyHash: string;
  readonly expiresAtMs: number;
}

export type DueKind =
  | "assignment"
  | "fanout"
  | "emit"
  | "chain"
  | "nodes"
  | "registrations"
  | "token"
  | "wait"
  | "task";

export class HubState {
  readonly self: Address;
  readonly applications = new Map<string, Application>();
  /** By id@version, as `applications`; absent for what was published before hubs kept it. */
  readonly publications = new Map<string, Publication>();
  /** By id of the application. */
  readonly pins = new Map<string, Pin>();
  /** Texts by hash, until a checkpoint has put them into the store. */
  readonly sources = new Map<string, string>();
  /** By `registrationKey`. */
  readonly registrations = new Map<string, Registration>();
  /** What a registration reports upward may have changed. */
  registrationsChanged = false;
  registrationsDueMs = 0;
  readonly chains = new Map<string, Chain>();
  readonly keys = new Map<string, KeyHolder>();
  readonly assignments = new Map<string, Assignment>();
  readonly assignmentsByNode = new Map<Address, Set<string>>();
  /** Open instructions for people, by the matched node where that is not the desk itself. */
  readonly tasksAbout = new Map<Address, number>();
  readonly fanouts = new Map<string, Fanout>();
  readonly waits = new WaitIndex();
  readonly nodes = new Map<Address, NodeRecord>();
  /** This hub as a node of its own, for what its people do; no fact, it comes with the process. */
  own: NodeRecord | undefined;
  readonly nodesByCapability = new Map<string, Set<Address>>();
  /** Nodes below a child that its running snapshot has not named yet. */
  readonly staleNodes = new Map<Address, Set<Address>>();
  readonly sessions = new Map<Address, Session>();
  /** By account. */
  readonly users = new Map<string, User>();
  /** By hash of the token. */
  readonly tokens = new Map<string, SignInToken>();
  readonly tokensByUser = new Map<string, Set<string>>();
  /** Tasks that this hub holds, open and lately ended. */
  readonly tasks = new Map<string, Task>();
  /** Id of the open task by its instruction. */
  readonly openTasks = new Map<string, string>();
  readonly worklists = new WorklistIndex();
  parent: Address | undefined;
  /** Nodes whose news the parent has not been told. */
  readonly nodeNews = new Set<Address>();
  nodeNewsDueMs = 0;
  epoch = 0;
  draining = false;
  readonly due = new DueHeap<DueKind>();

  constructor(self: Address) {
    this.self = self;
  }

  session(peer: Address): Session {
    const known = this.sessions.get(peer);
    if (known !== undefined) return known;
    const session = new Session(peer);
    this.sessions.set(peer, session);
    return session;
  }
}

export function assignmentDueMs(assignment: Assignment): number {
  let due = 0;
  for (const candidate of [
    assignment.state === "offered" ? assignment.startDueMs : 0,
    assignment.state === "accepted" ? assignment.finishDueMs : 0,
    assignment.state === "accepted" ? assignment.leaseDueMs : 0,
    assignment.state === "backoff" ? assignment.retryDueMs : 0,
    assignment.totalDueMs,
    assignment.state === "backoff" ? 0 : (assignment.task?.safetyDueMs ?? 0),
  ]) {
    if (candidate > 0 && (due === 0 || candidate < due)) due = candidate;
  }
  return due;
}
