// Driver: how a business system is reached that does the work of one capability.
//
//   D1  The instruction is durable at the agent before its driver hears of it, and open until there
//       is an outcome: a driver keeps nothing of its own.
//   D2  A system that is down or slow holds up its own capability alone.

import type { JsonValue, Title } from "@cloudbrain/sdk/domain";
import type { HandlerOptions, InstructionContext } from "@cloudbrain/sdk/node";
import type { JsonContract } from "./json-contract.ts";

/** Who brings the outcome, for the local API: a person at a form, or a system. */
export interface InboxForm {
  readonly title: Title;
  /** JSON Schema; undefined takes any output. */
  readonly form: JsonValue | undefined;
}

export type DriverKind = "http" | "grpc" | "inbox";

export interface Driver {
  readonly kind: DriverKind;
  readonly contract: JsonContract;
  readonly run: (input: unknown, context: InstructionContext) => unknown;
  readonly options: HandlerOptions;
  readonly inbox?: InboxForm;
  /** Lets go of its connections, once no handler runs any more. */
  close(): void;
}

export type DriverLog = (event: string, fields: Readonly<Record<string, unknown>>) => void;
