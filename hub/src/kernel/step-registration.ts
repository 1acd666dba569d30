// Steps: applications are registered with the hubs below, and what is there is told upward.
//
//   Q4  Who is to be told follows from the state: a child hub that joins, comes back with a new
//       store or was not there at publication is told when its link is up.
//   Q5  A report goes up when it differs from the last one, at most once in `reportEveryMs`, and
//       only while the parent is connected: it may wait, for it is the whole picture (Q2).

import {
  type Address,
  canonicalJson,
  type ErrorCode,
  type JsonObject,
  limits,
  type NodeRecord,
  type RegisterBody,
  type RegisteredBody,
  type RegistrationReport,
} from "@cloudbrain/sdk/domain";
import { needsOf } from "./application-needs.ts";
import type { Registration } from "./application-state.ts";
import { publicationOf } from "./application-versions.ts";
import type { Deciding } from "./deciding.ts";
import {
  directNodes,
  knownChildren,
  ownReport,
  registrationKey,
  sumReports,
  untoldChildren,
} from "./registrations.ts";
import type { HubState } from "./state.ts";

/** Nodes that come and go in numbers are one report. */
const reportEveryMs = 1_000;

/** Opens a registration for every application of ours that takes chains and has none. */
export function registerOwn(deciding: Deciding): void {
  const { state } = deciding;
  for (const application of state.applications.values()) {
    if (publicationOf(state, application).state === "retired") continue;
    const { id, version, title, hash } = application;
    const name = { origin: state.self, application: id, version };
    const key = registrationKey(name);
    if (state.registrations.has(key)) continue;
    const needs = needsOf(application);
    deciding.decide({ t: "registrationOpened", ...name, title, hash, needs });
    tellChildren(deciding, key, [...state.nodes.values()]);
  }
}

export function withdrawRegistration(deciding: Deciding, registration: string): void {
  if (!deciding.state.registrations.has(registration)) return;
  deciding.decide({ t: "registrationWithdrawn", registration });
}

function tellChildren(deciding: Deciding, key: string, hubs: readonly NodeRecord[]): void {
  const { state } = deciding;
  const registration = state.registrations.get(key);
  if (registration === undefined) return;
  const children = untoldChildren(state, registration, hubs);
  if (children.length === 0) return;
  deciding.decide({ t: "registrationSent", registration: key, children });
}

/** A child is connected: it is told all that it has not been told (Q4). */
export function registerWith(deciding: Deciding, child: Address): void {
  const { state } = deciding;
  const record = state.nodes.get(child);
  if (record?.description.hub !== true) return;
  for (const key of [...state.registrations.keys()].sort()) tellChildren(deciding, key, [record]);
}

/** The parent is connected; with `reset` it begins anew, and tells again what it knows. */
export function registerAbove(deciding: Deciding, reset: boolean): void {
  const { state } = deciding;
  state.registrationsChanged = true;
  if (!reset) return;
  for (const [key, { upstream }] of [...state.registrations]) {
    if (upstream !== undefined) withdrawRegistration(deciding, key);
  }
}

export function stepRegister(
  deciding: Deciding,
  from: Address,
  body: RegisterBody,
  refuse: (code: ErrorCode, detail: string) => void,
): void {
  const { state } = deciding;
  const { kind: _kind, withdrawn, ...content } = body;
  const key = registrationKey(content);
  // Ours is opened by our own publication alone, and only the parent tells us of others.
  if (from !== state.parent || content.origin === state.self) {
    refuse("FRAME_FORBIDDEN", `${from} may not register ${key}`);
    return;
  }
  if (withdrawn) {
    withdrawRegistration(deciding, key);
    return;
  }
  if (state.registrations.has(key)) return;
  if (state.registrations.size >= limits.registrationsMax) {
    refuse("QUOTA_EXCEEDED", `${state.registrations.size} applications are registered here`);
    return;
  }
  deciding.decide({ t: "registrationOpened", ...content, upstream: from });
  tellChildren(deciding, key, [...state.nodes.values()]);
  const registration = state.registrations.get(key);
  if (registration !== undefined) {
    reportChange(deciding, key, registration, directNodes(state));
  }
}

export function stepRegistered(deciding: Deciding, from: Address, body: RegisteredBody): void {
  const { kind: _kind, origin, application, version, ...report } = body;
  const key = registrationKey({ origin, application, version });
  const registration = deciding.state.registrations.get(key);
  // An answer that crossed a withdrawal, or one to something that we have forgotten.
  if (registration?.children.has(from) !== true) return;
  if (report.counts.length !== registration.needs.length) return;
  deciding.decide({ t: "registrationAnswered", registration: key, child: from, report });
}

/** Arms the timer that reports; called once per event. */
export function armRegistrations(state: HubState, nowMs: number): void {
  if (!state.registrationsChanged || state.registrationsDueMs > 0) return;
  state.registrationsDueMs = nowMs + reportEveryMs;
  state.due.push("registrations", "", state.registrationsDueMs);
}

export function stepRegistrationsDue(deciding: Deciding, isParentLinked: boolean): void {
  const { state } = deciding;
  state.registrationsDueMs = 0;
  state.registrationsChanged = false;
  // The next link to the parent begins with a look at all reports.
  if (!isParentLinked) return;
  const direct = directNodes(state);
  for (const [key, registration] of [...state.registrations]) {
    if (registration.upstream !== undefined) reportChange(deciding, key, registration, direct);
  }
}

function reportChange(
  deciding: Deciding,
  key: string,
  registration: Registration,
  direct: readonly NodeRecord[],
): void {
  const { state } = deciding;
  const own = ownReport(state, direct, registration.needs);
  const report = sumReports(own, knownChildren(state, registration));
  if (registration.reported !== undefined && isSame(registration.reported, report)) return;
  deciding.decide({ t: "registrationReported", registration: key, report });
}

function isSame(a: RegistrationReport, b: RegistrationReport): boolean {
  return canonicalJson(asJson(a)) === canonicalJson(asJson(b));
}

function asJson({ hubs, pending, counts, gaps, gapsMore }: RegistrationReport): JsonObject {
  return {
    hubs,
    pending,
    gapsMore,
    counts: counts.map((count) => ({ ...count })),
    gaps: gaps.map((gap) => ({ ...gap })),
  };
}
