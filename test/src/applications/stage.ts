// Stage: the port that the stories of the worked applications are played on. One stage is the
// testing kit in virtual time, another a mesh of real processes; a story does not see which.
//
//   S1  Time is the hubs': it passes where a story says so (`passes`, `passesTo`) and, by moments,
//       while something is waited for. A story names instants and durations, never how long a
//       machine takes.
//   S2  What happens takes a while to be seen: stories wait for facts (`until`, `taskFor`,
//       `settled` of stage-waits.ts) and do not count moments.
//   S3  Stories share a stage, one after the other and forward in time: keys of chains are a
//       story's own, and tasks are looked for by their chain.

import type {
  ChainSnapshot,
  Duration,
  FanoutSnapshot,
  StepSnapshot,
  TaskDetailInfo,
  TaskInfo,
} from "@cloudbrain/sdk";
import type {
  JsonValue,
  NodeKind,
  TaskCandidates,
  TaskFilter,
  UserRole,
} from "@cloudbrain/sdk/domain";
import type { Call, Turn } from "../support/turn.ts";

/** A hub; the one at its parent address stands above it. */
export interface HubPart {
  readonly address: string;
  readonly title: string;
  /** Default: `level`. */
  readonly kind?: NodeKind;
  /** city, district or street; default: none. */
  readonly level?: string;
  /** 12 digits; default: none. */
  readonly division?: string;
  readonly industry?: string;
  readonly region?: string;
  /** What its people do. */
  readonly capabilities?: readonly string[];
}

/** What a business system answers to an instruction. Of the input alone: a repeat answers alike. */
export type Answer = (input: JsonValue) => JsonValue;

/** A node that executes; the hub at its parent address stands above it. */
export interface NodePart {
  readonly address: string;
  readonly title: string;
  /** Default: `system`. */
  readonly kind?: NodeKind;
  readonly level?: string;
  readonly division?: string;
  readonly industry?: string;
  readonly region?: string;
  /** By capability. Empty for a node whose tasks people do at the hub above it. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Capabilities that its people have; their tasks are at the hub above it. */
  readonly people?: readonly string[];
}

/** A user of a hub. What is left out is empty. */
export interface PersonPart {
  readonly account: string;
  readonly name: string;
  /** Address of the hub, which is the desk. */
  readonly at: string;
  readonly department?: string;
  /** An address or the beginning of a division code; empty: all that the hub is for. */
  readonly area?: string;
  readonly groups?: readonly string[];
  readonly roles?: readonly UserRole[];
  /** Applications that this person may handle. */
  readonly handles?: readonly string[];
}

/** Everybody and everything on a stage. */
export interface Cast {
  /** Parents before their children. */
  readonly hubs: readonly HubPart[];
  readonly nodes: readonly NodePart[];
  readonly people: readonly PersonPart[];
  /** YAML texts, published at the root. */
  readonly applications: readonly string[];
}

/** An instruction that a node has begun. */
export type StageCall = Call;

export type StageStep = Pick<
  StepSnapshot,
  | "id"
  | "state"
  | "reason"
  | "output"
  | "visit"
  | "node"
  | "attempt"
  | "fanout"
  | "revised"
  | "wait"
  | "compensated"
>;
export type StageFanout = FanoutSnapshot;

/** A chain as its hub knows it now. */
export interface StageSnapshot
  extends Pick<ChainSnapshot, "id" | "state" | "reason" | "output" | "dueMs" | "notes"> {
  readonly steps: readonly StageStep[];
}

export interface StageChain {
  readonly id: string;
  now(): Promise<StageSnapshot>;
  /** Refuses with a MeshError, as the next ones do: CHAIN_ENDED. */
  cancel(reason: string): Promise<void>;
  /** Every suspended step again, or the named one. CHAIN_INVALID. */
  retry(step?: string): Promise<void>;
  skip(step: string, reason: string, output?: JsonValue): Promise<void>;
  suspend(reason: string): Promise<void>;
  resume(reason: string): Promise<void>;
  /** The chain that a subflow step has started. */
  below(step: string): Promise<StageChain>;
}

export type StageTask = Pick<
  TaskInfo,
  | "id"
  | "version"
  | "chain"
  | "step"
  | "about"
  | "state"
  | "holder"
  | "owner"
  | "dueMs"
  | "light"
  | "supervised"
  | "reminders"
  | "ask"
>;
export type StageTaskDetail = StageTask & Pick<TaskDetailInfo, "coHandlings" | "trail">;

/** A person by account, or everybody of a group. */
export type StageReceiver = { readonly account: string } | { readonly group: string };

/** What people do to a task; people are named by account. */
export type StageCommand =
  | { readonly kind: "claim" }
  | { readonly kind: "unclaim" | "resolve" | "remind" | "resume"; readonly reason: string }
  | { readonly kind: "complete" | "report"; readonly output: JsonValue }
  | { readonly kind: "return" | "supervise"; readonly reason: string }
  | {
      readonly kind: "decideReturn";
      readonly decision:
        | { readonly kind: "changeCandidates"; readonly candidates: Partial<TaskCandidates> }
        | { readonly kind: "insist" | "reject" };
      readonly reason: string;
    }
  | { readonly kind: "transfer"; readonly to: StageReceiver; readonly reason: string }
  | { readonly kind: "delegate"; readonly to: string; readonly reason: string }
  | { readonly kind: "requestExtension"; readonly extraMs: number; readonly reason: string }
  | { readonly kind: "decideExtension"; readonly grant: boolean; readonly reason: string }
  | {
      readonly kind: "askCoHandler";
      readonly to: StageReceiver;
      readonly required: boolean;
      readonly reason: string;
    }
  | { readonly kind: "answerCoHandling"; readonly entry: string; readonly opinion: string };

/** Somebody of the cast, signed in at their desk. */
export interface StagePerson {
  readonly account: string;
  /** What the desk lists for them now. */
  tasks(list: TaskFilter): Promise<readonly StageTask[]>;
  /** Everything about a task that they may see. */
  read(task: string): Promise<StageTaskDetail>;
  /**
   * Against the version of the task as it was seen. Refuses with a MeshError: TASK_TAKEN,
   * TASK_CHANGED, TASK_STATE, NOT_ALLOWED, FORM_INVALID, INPUT_INVALID.
   */
  act(task: Pick<StageTask, "id" | "version">, command: StageCommand): Promise<void>;
}

export interface StageSubmit {
  /** Idempotency key; default: as the application says. */
  readonly key?: string;
  /** Address of the hub that takes the chain. Default: the root. */
  readonly at?: string;
}

export interface Stage {
  readonly cast: Cast;
  /** The hubs' time. */
  now(): Promise<Date>;
  /** Lets this much of the hubs' time pass, with all that happens in it. */
  passes(duration: Duration): Promise<void>;
  /** As `passes`, until this instant. One that has gone by is no wait. */
  passesTo(instant: Date): Promise<void>;
  /** The least that is worth looking again after: far less than any deadline of an application. */
  moment(): Promise<void>;
  /** Refuses with a MeshError: INPUT_INVALID, CHAIN_INVALID, KEY_CONFLICT. */
  submit(application: string, input: JsonValue, options?: StageSubmit): Promise<StageChain>;
  person(account: string): StagePerson;
  /** To the gates of a hub, the root by default; of one chain, or of all. */
  signal(
    name: string,
    payload: JsonValue,
    options?: { readonly chain?: string; readonly at?: string },
  ): Promise<{ readonly opened: number; readonly retained: boolean }>;
  /** The node or hub loses its link to the hub above, and makes no other until `online`. */
  offline(address: string): Promise<void>;
  /** Resolves when the hub above knows that it is back. */
  online(address: string): Promise<void>;
  /** What the node does with the next instructions for a capability, one each; then it answers. */
  script(address: string, capability: string, ...turns: readonly Turn[]): Promise<void>;
  /** Instructions of a capability that nodes have begun for a chain, oldest first. */
  calls(capability: string, chain: StageChain): Promise<readonly StageCall[]>;
  close(): Promise<void>;
}
