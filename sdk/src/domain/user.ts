// Users: who people are to a hub, what they may do, and where. Accounts and passwords are the
// hub's business; here is what every part of the mesh agrees on.

import { addressSegments, isWithin, parseAddress } from "./address.ts";
import { MeshError } from "./errors.ts";

/** In the order of the wire; the three administrators of the standard's security come last. */
export const userRoles = [
  "user",
  "clerk",
  "businessAdministrator",
  "readOnly",
  "systemAdministrator",
  "securityAdministrator",
  "auditAdministrator",
] as const;
export type UserRole = (typeof userRoles)[number];

export const userStates = ["active", "locked", "disabled"] as const;
export type UserState = (typeof userStates)[number];

/**
 * What a user may do with an application: `start` its chains, `handle` their tasks, `manage`
 * (cancel, retry) them.
 */
export const applicationRights = ["start", "handle", "manage"] as const;
export type ApplicationRight = (typeof applicationRights)[number];

export interface RightsGrant {
  /** Id of an application, or `*` for all. */
  readonly application: string;
  /** Sorted. */
  readonly rights: readonly ApplicationRight[];
}

/** What whoever manages users writes of one. Lists are sorted and hold nothing twice. */
export interface UserProfile {
  /** For people to read. */
  readonly name: string;
  readonly department: string;
  /** An address, or the beginning of a division code; empty for all that the hub is for. */
  readonly area: string;
  readonly roles: readonly UserRole[];
  /** Such as `bureau:housing`. */
  readonly groups: readonly string[];
  readonly rights: readonly RightsGrant[];
}

/** Whoever acts in a call, as the hub knows them at that moment. */
export interface ActingUser extends UserProfile {
  readonly account: string;
}

/** Duties that check each other are never in one hand. */
const separatedRoles: ReadonlySet<UserRole> = new Set([
  "systemAdministrator",
  "securityAdministrator",
  "auditAdministrator",
]);

/** Why one user may not have all of these roles, or undefined. */
export function conflictOfRoles(roles: readonly UserRole[]): string | undefined {
  if (roles.includes("readOnly") && roles.length > 1) {
    return "readOnly goes with no other role";
  }
  const separated = roles.filter((role) => separatedRoles.has(role));
  return separated.length > 1 ? `${separated.join(" and ")} exclude each other` : undefined;
}

/** Whether a profile gives the right; who only reads exercises none. */
export function hasRight(
  profile: UserProfile,
  application: string,
  right: ApplicationRight,
): boolean {
  if (profile.roles.includes("readOnly")) return false;
  return profile.rights.some(
    (grant) =>
      (grant.application === application || grant.application === "*") &&
      grant.rights.includes(right),
  );
}

const divisionPattern = /^\d{2,12}$/;

/** An address, the beginning of a division code, or empty. Refuses with INPUT_INVALID. */
export function parseArea(text: string): string {
  if (text === "" || divisionPattern.test(text)) return text;
  if (text.startsWith("/")) return parseAddress(text);
  throw new MeshError("INPUT_INVALID", {
    subject: "area",
    detail: `"${text.slice(0, 80)}" is no area: write an address or 2 to 12 digits of a code`,
  });
}

/**
 * Whether the inner area lies in the outer one. The labels of level nodes are division codes, so an
 * address lies in a code when one of its labels begins so, and a code in an address when it begins
 * with the last label.
 */
export function isAreaWithin(inner: string, outer: string): boolean {
  if (outer === "") return true;
  if (inner === "") return false;
  if (!inner.startsWith("/")) {
    return inner.startsWith(
      outer.startsWith("/") ? outer.slice(outer.lastIndexOf("/") + 1) : outer,
    );
  }
  if (outer.startsWith("/")) return isWithin(inner, outer);
  return addressSegments(parseAddress(inner)).some((label) => label.startsWith(outer));
}
