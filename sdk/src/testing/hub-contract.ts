// Hub contract: what the test mesh needs of a hub's kernel, told by its shape.
//
// The SDK does not know the hub (see ADR 0011): whoever tests gives `HubKernel` of
// "@cloudbrain/hub/kernel", and the compiler compares it with this.

import type { ChainState, StepState } from "../client/results.ts";
import type {
  Address,
  Application,
  ErrorCode,
  Evaluate,
  Hello,
  JsonValue,
  Kernel,
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
  };
  chainNow(id: string): HubChain | undefined;
}

/** The class `HubKernel` of "@cloudbrain/hub/kernel". */
export type TestHubKernelClass = new (options: {
  readonly address: Address;
  readonly hasParent: boolean;
  readonly evaluate: Evaluate;
  readonly validate: Validate;
}) => TestHubKernel;
