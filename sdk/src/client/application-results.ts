// Results of calls about applications: versions and registrations, as plain objects.

import type {
  ApplicationRegistration,
  GetApplicationResponse,
  ApplicationInfo as ProtoApplication,
  HubRegistration as ProtoHub,
  RegisteredApplication as ProtoRegistered,
} from "@cloudbrain/proto";
import type { CapabilityNeed, NeedCount, Title } from "../domain/index.ts";
import { MeshError } from "../domain/index.ts";
import { readTime, readTitle } from "./results.ts";

export const applicationStates = ["published", "deprecated", "retired"] as const;
export type ApplicationState = (typeof applicationStates)[number];

/** A version of an application. Times are ms since 1970, 0 for "not known" or "never". */
export interface ApplicationInfo {
  readonly id: string;
  readonly version: string;
  /** sha256 of the definition, lower-case hex. */
  readonly hash: string;
  readonly title: Title;
  readonly state: ApplicationState;
  /** A submit without a version gets this one. */
  readonly current: boolean;
  /** An operator has named it the current one. */
  readonly pinned: boolean;
  /** Who published it: an address, of a signed-in user `ACCOUNT@ADDRESS`; or empty. */
  readonly publisher: string;
  readonly publishedAtMs: number;
  /** sha256 of the text as it was published; empty when the text is not kept. */
  readonly sourceHash: string;
  /** Who set its state, as `publisher`. */
  readonly stateSetter: string;
  readonly stateAtMs: number;
}

export interface PublishedApplication extends ApplicationInfo {
  /** The text as it was published, or empty. */
  readonly source: string;
  /** Undefined once it is retired. */
  readonly registration: RegistrationInfo | undefined;
}

/** An application of a hub above. */
export interface RegisteredApplicationInfo {
  /** The hub that published it. */
  readonly origin: string;
  readonly id: string;
  readonly version: string;
  readonly hash: string;
  readonly title: Title;
}

/** What an application needs below its hub, and what is there (应用注册). */
export interface RegistrationInfo {
  readonly needs: readonly CapabilityNeed[];
  /** Sums over all hubs that have answered, in the order of the needs. */
  readonly counts: readonly NeedCount[];
  /** The hub itself first. */
  readonly hubs: readonly HubRegistrationInfo[];
  /** Indices of needs that no node fulfils. */
  readonly unmet: readonly number[];
  /** Hubs that have registered it. */
  readonly registered: number;
  /** Hubs that were told and have not answered. */
  readonly pending: number;
}

export interface HubRegistrationInfo {
  readonly address: string;
  readonly title: Title;
  /** Until it has answered, the rest says nothing. */
  readonly registered: boolean;
  readonly answeredAtMs: number;
  readonly hubs: number;
  readonly pending: number;
  readonly counts: readonly NeedCount[];
  readonly gaps: readonly GapInfo[];
  readonly gapsMore: number;
}

/** A hub whose direct nodes lack what each of them is meant to have. */
export interface GapInfo {
  /** Index of the need. */
  readonly need: number;
  readonly hub: string;
  readonly title: Title;
  readonly holders: number;
  readonly expected: number;
}

export function applicationStateNumber(state: ApplicationState): number {
  return applicationStates.indexOf(state) + 1;
}

export function readApplication(application: ProtoApplication | undefined): ApplicationInfo {
  if (application === undefined) throw new MeshError("DEFECT", { detail: "an empty answer" });
  const { id, version, hash, current, pinned, publisher, sourceHash, stateSetter } = application;
  return {
    id,
    version,
    hash,
    title: readTitle(application.title),
    // A hub of an earlier version tells no state: what it has published takes chains.
    state: applicationStates[application.state - 1] ?? "published",
    current,
    pinned,
    publisher,
    publishedAtMs: readTime(application.publishTime),
    sourceHash,
    stateSetter,
    stateAtMs: readTime(application.stateTime),
  };
}

export function readRegistered(registered: ProtoRegistered): RegisteredApplicationInfo {
  const { origin, id, version, hash } = registered;
  return { origin, id, version, hash, title: readTitle(registered.title) };
}

export function readPublished(answer: GetApplicationResponse): PublishedApplication {
  const { application, source, registration } = answer;
  return {
    ...readApplication(application),
    source,
    registration: registration === undefined ? undefined : readRegistration(registration),
  };
}

function readRegistration(registration: ApplicationRegistration): RegistrationInfo {
  const { needs, counts, hubs, unmet, registered, pending } = registration;
  return {
    needs: needs.map(({ every, ...need }) => ({ ...need, kind: every ? "every" : "one" })),
    counts,
    hubs: hubs.map(readHub),
    unmet,
    registered,
    pending,
  };
}

function readHub(hub: ProtoHub): HubRegistrationInfo {
  const { address, registered, hubs, pending, counts, gapsMore } = hub;
  return {
    address,
    title: readTitle(hub.title),
    registered,
    answeredAtMs: readTime(hub.answerTime),
    hubs,
    pending,
    counts,
    gaps: hub.gaps.map(({ gap, title }) => ({
      need: gap?.need ?? 0,
      hub: gap?.hub ?? "",
      title: readTitle(title),
      holders: gap?.holders ?? 0,
      expected: gap?.expected ?? 0,
    })),
    gapsMore,
  };
}
