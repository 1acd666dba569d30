// What goes into a hub's kernel and what comes out.

import type { ErrorCode, Hello, JsonValue, Welcome } from "@cloudbrain/sdk/domain";
import type { NodeEvent, NodeOutput, Session } from "@cloudbrain/sdk/session";
import type { ApplicationEvent } from "./application-events.ts";
import type { KeyHolder } from "./state.ts";

/** Requests carry an id that the reply repeats. */
export type HubEvent =
  | NodeEvent
  | ApplicationEvent
  | {
      readonly type: "submit";
      readonly request: number;
      /** Made by the caller of the kernel: ids are input. */
      readonly chain: string;
      readonly application: string;
      /** Empty: the newest published. */
      readonly version: string;
      readonly key: string;
      readonly bodyHash: string;
      readonly input: JsonValue;
      readonly submitter: string;
      /** From the store when the key is not in memory: see `HubKernel.evictions`. */
      readonly holder: KeyHolder | undefined;
    }
  | {
      readonly type: "cancel";
      readonly request: number;
      readonly chain: string;
      readonly reason: string;
    }
  | { readonly type: "retry"; readonly request: number; readonly chain: string }
  | { readonly type: "drain"; readonly request: number }
  /** A child has dialled and said Hello; `link` names the connection. */
  | { readonly type: "linkGreeted"; readonly link: number; readonly hello: Hello };

export type HubReply =
  | { readonly kind: "accepted"; readonly chain: string; readonly existed: boolean }
  | { readonly kind: "done" }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly detail: string;
      readonly retryAfterMs?: number;
    };

export type HubOutput =
  | NodeOutput
  | { readonly type: "reply"; readonly request: number; readonly reply: HubReply }
  /** The handshake with a child is done: open the protocol with this session and Welcome. */
  | {
      readonly type: "welcome";
      readonly link: number;
      readonly session: Session;
      readonly welcome: Omit<Welcome, "linkToken" | "title" | "storeId" | "heartbeatMs">;
    }
  /** `revision`: what of the chain is durable when this is released. */
  | { readonly type: "chainChanged"; readonly chain: string; readonly revision: number };
