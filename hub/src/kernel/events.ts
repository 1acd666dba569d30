// What goes into a hub's kernel and what comes out.

import type { Address, ErrorCode, Hello, JsonValue, Welcome } from "@cloudbrain/sdk/domain";
import type { NodeEvent, NodeOutput, Session } from "@cloudbrain/sdk/session";
import type { ApplicationEvent } from "./application-events.ts";
import type { KeyHolder } from "./state.ts";
import type { TaskCommandEvent } from "./task-events.ts";
import type { UserEvent } from "./user-events.ts";

/** An operator acts: who, and why. */
export interface ByHand {
  readonly by: string;
  readonly reason: string;
}

/** Requests carry an id that the reply repeats. */
export type HubEvent =
  | NodeEvent
  | UserEvent
  | TaskCommandEvent
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
      /** Who asks; leaves a note in the chain. */
      readonly by?: string;
    }
  /** All suspended steps, or the named one alone. */
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
      /** What the steps after it read in its place. */
      readonly output: JsonValue;
    } & ByHand)
  /** The instruction goes to `node`, or anew to whoever matches best. */
  | ({
      readonly type: "rematch";
      readonly request: number;
      readonly chain: string;
      readonly step: string;
      /** Key of a member of a fan-out; absent: the step's own instruction. */
      readonly member?: string;
      readonly node?: Address;
    } & ByHand)
  | {
      readonly type: "signalled";
      readonly request: number;
      readonly name: string;
      readonly payload: JsonValue;
      /** Only gates of this chain; absent: of all chains. */
      readonly chain?: string;
      readonly source: string;
    }
  | { readonly type: "drain"; readonly request: number }
  /** A child has dialled and said Hello; `link` names the connection. */
  | { readonly type: "linkGreeted"; readonly link: number; readonly hello: Hello };

export type HubReply =
  | { readonly kind: "accepted"; readonly chain: string; readonly existed: boolean }
  | { readonly kind: "done" }
  /** The command is taken; `version` is the one that it has made. */
  | {
      readonly kind: "task";
      readonly task: string;
      readonly version: number;
      readonly existed: boolean;
    }
  | {
      readonly kind: "signalled";
      /** Gates that it opened. */
      readonly opened: number;
      /** Kept for a gate of the chain that is not open yet. */
      readonly retained: boolean;
      /** Why the last gate that was looked at stayed closed, for a person; empty for none. */
      readonly detail: string;
    }
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
  /**
   * A signal step has published. Comes once its facts are durable, and not at all when the process
   * ends in between: whoever must not miss one reads the facts. `id` is the same in every replay.
   */
  | {
      readonly type: "signalPublished";
      readonly id: string;
      readonly name: string;
      readonly payload: JsonValue;
    }
  /** `revision`: what of the chain is durable when this is released. */
  | { readonly type: "chainChanged"; readonly chain: string; readonly revision: number }
  /** A task of this desk is another than before; `version` as commands name it. */
  | { readonly type: "taskChanged"; readonly task: string; readonly version: number };
