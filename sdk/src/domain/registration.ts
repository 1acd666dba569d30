// Registration: what an application needs of the nodes below a hub, and what is there (应用注册).
// The hub that published it decomposes it into needs and tells them to the hubs below; each counts
// its direct nodes and answers with the sum of that and of the answers of its own child hubs.
//
//   Q1  A node is counted by the hub directly above it and by nobody else, so that sums over the
//       tree are exact.
//   Q2  A report is the whole present picture of a hub's part: it replaces the one before and is
//       never added to it.

import type { Address } from "./address.ts";
import type { Title } from "./value.ts";

export const needKinds = ["one", "every"] as const;
/** `one`: some node must have it. `every`: each node of the level is meant to have it. */
export type NeedKind = (typeof needKinds)[number];

/** A capability that an application calls upon, where, and in which steps. */
export interface CapabilityNeed {
  readonly capability: string;
  /** Empty for nodes of any level. */
  readonly level: string;
  readonly industry: string;
  /** A node must lie in each: an address, the beginning of a division code or a region. */
  readonly areas: readonly string[];
  readonly kind: NeedKind;
  /** Ids of the steps; of a compensation the id of the step that it undoes. */
  readonly steps: readonly string[];
}

export interface NeedCount {
  /** Nodes that have the capability. */
  readonly holders: number;
  /** Those of them that are connected. */
  readonly online: number;
  /** Nodes that are meant to have it; 0 where one node is enough. */
  readonly expected: number;
}

/** A hub whose direct nodes lack what each of them is meant to have. */
export interface CapabilityGap {
  /** Index of the need. */
  readonly need: number;
  readonly hub: Address;
  readonly holders: number;
  readonly expected: number;
}

export interface RegistrationReport {
  /** Hubs at and below the reporter that have registered the application. */
  readonly hubs: number;
  /** Hubs that have been told and have not answered. */
  readonly pending: number;
  /** In the order of the needs. */
  readonly counts: readonly NeedCount[];
  /** At most `limits.registrationGapsMax`, by hub. */
  readonly gaps: readonly CapabilityGap[];
  /** How many more there are. */
  readonly gapsMore: number;
}

/** Which application of which hub: two hubs may publish the same. */
export interface RegistrationName {
  readonly origin: Address;
  /** Id of the application. */
  readonly application: string;
  readonly version: string;
}

/** What is told of an application to the hubs below. */
export interface RegistrationContent extends RegistrationName {
  readonly title: Title;
  /** sha256 of the definition, lower-case hex. */
  readonly hash: string;
  readonly needs: readonly CapabilityNeed[];
}
