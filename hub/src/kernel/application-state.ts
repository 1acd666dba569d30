// State of applications at a hub: publications, pins and registrations. Only apply-application.ts
// and apply-registration.ts write it.

import type { Address, RegistrationContent, RegistrationReport } from "@cloudbrain/sdk/domain";

export type ApplicationState = "published" | "deprecated" | "retired";

/** What is known of a version beside its definition. */
export interface Publication {
  /** sha256 of the text as it was published; empty when the text is not kept. */
  readonly sourceHash: string;
  /** Empty, and 0, when that is not known. */
  readonly publisher: string;
  readonly publishedAtMs: number;
  readonly state: ApplicationState;
  /** Empty, and 0, while nobody has set the state. */
  readonly stateSetter: string;
  readonly stateAtMs: number;
}

/** Which version of an application an operator has made the current one. */
export interface Pin {
  readonly version: string;
  readonly setter: string;
  readonly atMs: number;
}

/** A child hub that has been told, and what it has answered last. */
export interface ChildRegistration {
  readonly address: Address;
  readonly report: RegistrationReport | undefined;
  readonly answeredAtMs: number;
}

/** An application whose needs are known here and below: our own, or that of a hub above. */
export interface Registration extends RegistrationContent {
  /** The hub that told us, or undefined at the origin. */
  readonly upstream: Address | undefined;
  readonly children: Map<Address, ChildRegistration>;
  /** What we have told upstream last. */
  reported: RegistrationReport | undefined;
}
