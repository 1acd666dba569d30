// Hub contract: what the test mesh needs of a hub's kernel, told by its shape.
//
// The SDK does not know the hub (see ADR 0011): whoever tests gives `HubKernel` of
// "@cloudbrain/hub/kernel", and the compiler compares it with this.

import type { ChainState, StepState } from "../client/results.ts";
import type {
  Address,
  AddWorkingTime,
  Application,
  ErrorCode,
  Evaluate,
  Hello,
  JsonValue,
  Kernel,
  TaskActor,
  TaskCommand,
  TaskLight,
  Title,
  Validate,
  Welcome,
} from "../domain/index.ts";
import type { NodeEvent, NodeOutput, Session } from "../session/index.ts";

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
  | { readonly type: "retry"; readonly request: number; readonly chain: string }
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

/** A step as the hub above it sees it. */
export interface TestStep {
  readonly id: string;
  readonly state: StepState;
  readonly output: JsonValue;
  readonly reason: string;
  /** Node of the last attempt of a service step. */
  readonly node: string;
  readonly attempt: number;
}

/** A task as its desk lists it for somebody. */
export interface TestTask {
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  readonly title: Title;
  readonly state: string;
  /** Grows with every change that a command has to know. */
  readonly version: number;
  readonly dueMs: number;
  readonly light: TaskLight;
  readonly supervised: boolean;
  readonly reminders: number;
}

export type TestWorklist = "mine" | "offered" | "department" | "all" | "history";

interface HubChain {
  readonly state: ChainState;
  readonly reason: string;
  readonly output: JsonValue;
  readonly steps: readonly TestStep[];
}

export interface TestHubKernel extends Kernel<TestHubEvent, TestHubOutput> {
  readonly state: {
    readonly sessions: ReadonlyMap<Address, Session>;
    readonly nodes: ReadonlyMap<Address, unknown>;
    readonly tasks: ReadonlyMap<string, { readonly version: number }>;
  };
  chainNow(id: string): HubChain | undefined;
  worklist(
    query: { readonly actor: TaskActor; readonly filter: TestWorklist; readonly limit: number },
    nowMs: number,
  ): { readonly tasks: readonly TestTask[] };
}

/** The class `HubKernel` of "@cloudbrain/hub/kernel". */
export type TestHubKernelClass = new (options: {
  readonly address: Address;
  readonly hasParent: boolean;
  readonly evaluate: Evaluate;
  readonly validate: Validate;
  readonly addWorkingTime?: AddWorkingTime | undefined;
}) => TestHubKernel;
