// Hub contract: what the test mesh needs of a hub's kernel, told by its shape.
//
// The SDK does not know the hub (see ADR 0011): whoever tests gives `HubKernel` of
// "@cloudbrain/hub/kernel", and the compiler compares it with this.

import type { ChainNote, ChainSnapshot, FanoutSnapshot, StepSnapshot } from "../client/results.ts";
import type { TaskInfo } from "../client/task-results.ts";
import type {
  Address,
  AddWorkingTime,
  Application,
  ErrorCode,
  Evaluate,
  Hello,
  JsonValue,
  Kernel,
  NodeDescription,
  TaskActor,
  TaskCandidates,
  TaskCommand,
  TaskFilter,
  TaskPerson,
  TaskTarget,
  Validate,
  Welcome,
} from "../domain/index.ts";
import type { NodeEvent, NodeOutput, Session } from "../session/index.ts";

interface ByHand {
  readonly by: string;
  readonly reason: string;
}

/** The events that a test mesh steps. */
export type TestHubEvent =
  | NodeEvent
  | { readonly type: "publish"; readonly request: number; readonly application: Application }
  | {
      readonly type: "submit";
      readonly request: number;
      readonly chain: string;
      readonly application: string;
      readonly version: string;
      readonly key: string;
      readonly bodyHash: string;
      readonly input: JsonValue;
      readonly submitter: string;
      readonly holder: undefined;
    }
  | {
      readonly type: "cancel";
      readonly request: number;
      readonly chain: string;
      readonly reason: string;
    }
  | ({
      readonly type: "retry";
      readonly request: number;
      readonly chain: string;
      readonly step?: string;
    } & Partial<ByHand>)
  | ({
      readonly type: "suspend" | "resume";
      readonly request: number;
      readonly chain: string;
    } & ByHand)
  | ({
      readonly type: "skip";
      readonly request: number;
      readonly chain: string;
      readonly step: string;
      readonly output: JsonValue;
    } & ByHand)
  | ({
      readonly type: "rematch";
      readonly request: number;
      readonly chain: string;
      readonly step: string;
      readonly member?: string;
      readonly node?: Address;
    } & ByHand)
  | {
      readonly type: "signalled";
      readonly request: number;
      readonly name: string;
      readonly payload: JsonValue;
      readonly chain?: string;
      readonly source: string;
    }
  | {
      readonly type: "taskCommand";
      readonly request: number;
      readonly task: string;
      readonly command: TaskCommand;
      readonly commandId: string;
      readonly expectedVersion: number;
      readonly actor: TaskActor;
    }
  | { readonly type: "linkGreeted"; readonly link: number; readonly hello: Hello };

export type TestHubReply =
  | { readonly kind: "accepted"; readonly chain: string; readonly existed: boolean }
  | { readonly kind: "done" }
  | {
      readonly kind: "signalled";
      readonly opened: number;
      readonly retained: boolean;
      readonly detail: string;
    }
  | {
      readonly kind: "task";
      readonly task: string;
      readonly version: number;
      readonly existed: boolean;
    }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly detail: string;
      readonly retryAfterMs?: number;
    };

/** All that a hub's kernel puts out. */
export type TestHubOutput =
  | NodeOutput
  | { readonly type: "reply"; readonly request: number; readonly reply: TestHubReply }
  | {
      readonly type: "welcome";
      readonly link: number;
      readonly session: Session;
      readonly welcome: Omit<Welcome, "linkToken" | "title" | "storeId" | "heartbeatMs">;
    }
  | {
      readonly type: "signalPublished";
      readonly id: string;
      readonly name: string;
      readonly payload: JsonValue;
    }
  | { readonly type: "chainChanged"; readonly chain: string }
  | { readonly type: "taskChanged"; readonly task: string };

/** A step as the kernel keeps it. */
export interface HubStep extends Omit<StepSnapshot, "fanout" | "revised" | "wait" | "compensated"> {
  readonly summary: FanoutSnapshot | undefined;
  readonly revised?: FanoutSnapshot;
  readonly wait?:
    | { readonly kind: "timer"; readonly dueMs: number }
    | { readonly kind: "gate"; readonly dueMs: number; readonly signal: string }
    | { readonly kind: "subflow"; readonly dueMs: number; readonly child: string }
    | undefined;
}

/** A chain as the kernel keeps it. */
export interface HubChain
  extends Omit<ChainSnapshot, "steps" | "priority" | "parent" | "held" | "notes"> {
  readonly steps: readonly HubStep[];
  readonly priority?: number;
  readonly parent?: { readonly chain: string; readonly step: string };
  readonly held?: true;
  readonly notes?: readonly ChainNote[];
  readonly compensation?: {
    readonly tasks: readonly { readonly step: string; readonly state: string }[];
  };
}

/** Everything about one task that somebody sees. */
export interface TestTaskDetail extends TaskInfo {
  readonly input: JsonValue;
  /** JSON Schema of what completes it; undefined for any object. */
  readonly form: JsonValue | undefined;
  readonly candidates: TaskCandidates;
  /** What it waits for or has heard beside the work of its holder. */
  readonly coHandlers: readonly {
    /** Names it to commands. */
    readonly id: string;
    readonly to: TaskTarget;
    readonly required: boolean;
    readonly state: "asked" | "answered" | "dropped";
    readonly by?: TaskPerson;
    readonly opinion: string;
  }[];
  /** Who, when, what and why, oldest first. `by` is absent where the desk itself did it. */
  readonly trail: readonly {
    readonly atMs: number;
    readonly by?: TaskPerson;
    readonly what: string;
    readonly why: string;
    readonly to: readonly string[];
    readonly channels: readonly string[];
  }[];
}

export interface TestHubKernel extends Kernel<TestHubEvent, TestHubOutput> {
  readonly state: {
    readonly sessions: ReadonlyMap<Address, Session>;
    readonly nodes: ReadonlyMap<Address, { readonly state: string }>;
  };
  chainNow(id: string): HubChain | undefined;
  worklist(
    query: { readonly actor: TaskActor; readonly filter: TaskFilter; readonly limit: number },
    nowMs: number,
  ): { readonly tasks: readonly TaskInfo[] };
  taskNow(id: string, actor: TaskActor, nowMs: number): TestTaskDetail | undefined;
}

/** The class `HubKernel` of "@cloudbrain/hub/kernel". */
export type TestHubKernelClass = new (options: {
  readonly address: Address;
  readonly description?: NodeDescription | undefined;
  readonly hasParent: boolean;
  readonly evaluate: Evaluate;
  readonly validate: Validate;
  readonly addWorkingTime?: AddWorkingTime | undefined;
}) => TestHubKernel;
