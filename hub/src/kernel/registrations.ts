// Registrations: what there is of what an application needs, counted hub by hub.
//
//   Q1  A hub counts its direct nodes; what stands below a child hub comes from that hub's report.
//   Q2  The latest report of a child stands for its part.

import {
  type Address,
  addressSegments,
  type CapabilityGap,
  type CapabilityNeed,
  compareText,
  isWithin,
  limits,
  type NeedCount,
  type NodeRecord,
  parentOf,
  type RegistrationName,
  type RegistrationReport,
} from "@cloudbrain/sdk/domain";
import { asArea } from "./application-needs.ts";
import type { ChildRegistration, Registration } from "./application-state.ts";
import { liesIn } from "./match-conditions.ts";
import type { HubState } from "./state.ts";

export function registrationKey({ origin, application, version }: RegistrationName): string {
  return `${origin} ${application}@${version}`;
}

/**
 * Our direct nodes alone: every node of the subtree is a direct one of exactly one hub. `origin` is
 * this hub where the application is its own: nobody above counts it, and its people can be asked.
 */
export function ownReport(
  state: HubState,
  direct: readonly NodeRecord[],
  needs: readonly CapabilityNeed[],
  origin?: NodeRecord,
): RegistrationReport {
  const all = origin === undefined ? direct : [origin, ...direct];
  // The members of a level stand below the hub that asks them.
  const counts = needs.map((need) => countNodes(need.kind === "every" ? direct : all, need));
  const gaps: CapabilityGap[] = [];
  counts.forEach(({ holders, expected }, need) => {
    if (holders < expected) gaps.push({ need, hub: state.self, holders, expected });
  });
  const kept = gaps.slice(0, limits.registrationGapsMax);
  return { hubs: 1, pending: 0, counts, gaps: kept, gapsMore: gaps.length - kept.length };
}

export function directNodes(state: HubState): readonly NodeRecord[] {
  return [...state.nodes.values()].filter(
    ({ description }) => parentOf(description.address) === state.self,
  );
}

function countNodes(nodes: readonly NodeRecord[], need: CapabilityNeed): NeedCount {
  let holders = 0;
  let online = 0;
  let expected = 0;
  for (const node of nodes) {
    if (node.state === "retired" || !isConcerned(node, need)) continue;
    if (need.kind === "every") expected += 1;
    if (!node.description.capabilities.includes(need.capability)) continue;
    holders += 1;
    if (node.state === "online") online += 1;
  }
  return { holders, online, expected };
}

function isConcerned(node: NodeRecord, need: CapabilityNeed): boolean {
  const { level, industry } = node.description;
  return (
    (need.level === "" || level === need.level) &&
    (need.industry === "" || industry === need.industry) &&
    need.areas.every((area) => liesIn(node, area))
  );
}

/** Whether nodes that a need asks for may stand at or below this hub. */
export function mayHold(hub: NodeRecord, need: CapabilityNeed): boolean {
  return need.areas.every((area) => mayOverlap(hub, area));
}

function mayOverlap(hub: NodeRecord, area: string): boolean {
  const { address, division } = hub.description;
  if (area.startsWith("/")) return isWithin(area, address) || isWithin(address, area);
  // A region may have nodes anywhere, and a hub without a code may be in any division.
  if (!/^\d+$/.test(area) || division === "" || addressSegments(address).includes(area)) {
    return true;
  }
  const own = asArea(division);
  return own.startsWith(area) || area.startsWith(own);
}

/** The sum of our own part and of what child hubs have answered (Q1, Q2). */
export function sumReports(
  own: RegistrationReport,
  children: Iterable<ChildRegistration>,
): RegistrationReport {
  let { hubs, pending, gapsMore } = own;
  let counts = own.counts;
  const gaps = [...own.gaps];
  for (const { report } of children) {
    if (report === undefined) {
      pending += 1;
      continue;
    }
    hubs += report.hubs;
    pending += report.pending;
    gapsMore += report.gapsMore;
    gaps.push(...report.gaps);
    counts = counts.map((count, index) => addCounts(count, report.counts[index]));
  }
  gaps.sort((a, b) => compareText(a.hub, b.hub) || a.need - b.need);
  const kept = gaps.slice(0, limits.registrationGapsMax);
  return { hubs, pending, counts, gaps: kept, gapsMore: gapsMore + gaps.length - kept.length };
}

function addCounts(a: NeedCount, b: NeedCount | undefined): NeedCount {
  if (b === undefined) return a;
  return {
    holders: a.holders + b.holders,
    online: a.online + b.online,
    expected: a.expected + b.expected,
  };
}

/** Child hubs that we know, by address; one that is gone for good does not count any more. */
export function knownChildren(
  state: HubState,
  registration: Registration,
): readonly ChildRegistration[] {
  return [...registration.children.values()]
    .filter(({ address }) => state.nodes.has(address))
    .sort((a, b) => compareText(a.address, b.address));
}

/** Direct child hubs that an application concerns and that have not been told. */
export function untoldChildren(
  state: HubState,
  registration: Registration,
  hubs: readonly NodeRecord[],
): readonly Address[] {
  return hubs
    .filter(
      (hub) =>
        hub.description.hub &&
        !registration.children.has(hub.description.address) &&
        registration.needs.some((need) => mayHold(hub, need)) &&
        parentOf(hub.description.address) === state.self,
    )
    .map(({ description }) => description.address)
    .sort(compareText);
}

export interface RegistrationView {
  readonly needs: readonly CapabilityNeed[];
  readonly total: RegistrationReport;
  /** The hub itself, as if it had no child. */
  readonly own: RegistrationReport;
  readonly children: readonly ChildRegistration[];
  /** Indices of needs that no node fulfils. */
  readonly unmet: readonly number[];
}

/** How a registration stands, seen from its origin. */
export function viewRegistration(state: HubState, registration: Registration): RegistrationView {
  const { needs } = registration;
  const own = ownReport(state, directNodes(state), needs, state.own);
  const children = knownChildren(state, registration);
  const total = sumReports(own, children);
  const unmet = needs.flatMap((_, index) => (total.counts[index]?.holders === 0 ? [index] : []));
  return { needs, total, own, children, unmet };
}
