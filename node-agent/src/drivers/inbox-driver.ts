// Inbox driver: people of a department that has no hub work on instructions over the local API.
//
//   P1  An entry is the instruction itself, deferred: there is no list beside it that could differ.

import type { JsonValue, Title } from "@cloudbrain/sdk/domain";
import type { Driver } from "./driver.ts";
import { createJsonContract } from "./json-contract.ts";

export interface InboxDriverOptions {
  readonly capability: string;
  readonly title: Title;
  /** JSON Schema of what a person fills in, which is the output. */
  readonly form: JsonValue | undefined;
}

export function createInboxDriver({ capability, title, form }: InboxDriverOptions): Driver {
  return {
    kind: "inbox",
    contract: createJsonContract(capability, form),
    run: (_input, context) => context.later(),
    options: {},
    inbox: { title, form },
    close: () => undefined,
  };
}
