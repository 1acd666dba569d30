// Versions of an application: which state each is in, and which one a submit gets.
//
//   B1  A version that is named is that version, whatever its state; whether it may start a chain
//       is asked apart from that.
//   B2  Without a version it is the pinned one, else the newest that is neither deprecated nor
//       retired.

import type { Application } from "@cloudbrain/sdk/domain";
import type { Publication } from "./application-state.ts";
import { applicationKey, compareVersions } from "./apply-chain.ts";
import type { HubState } from "./state.ts";

type Identity = Pick<Application, "id" | "version">;

/** Of a version that was published before hubs kept more than its definition. */
const plainPublication: Publication = {
  sourceHash: "",
  publisher: "",
  publishedAtMs: 0,
  state: "published",
  stateSetter: "",
  stateAtMs: 0,
};

export function publicationOf(state: HubState, application: Identity): Publication {
  return state.publications.get(applicationKey(application)) ?? plainPublication;
}

/** The version that is named; `^MAJOR` for the current one of a major version, empty for all. */
export function findApplication(
  state: HubState,
  id: string,
  version: string,
): Application | undefined {
  if (version !== "" && !version.startsWith("^")) return state.applications.get(`${id}@${version}`);
  const pin = state.pins.get(id);
  if (pin !== undefined && isMeant(version, pin.version)) {
    return state.applications.get(`${id}@${pin.version}`);
  }
  let newest: Application | undefined;
  for (const application of state.applications.values()) {
    if (application.id !== id || !isMeant(version, application.version)) continue;
    if (publicationOf(state, application).state !== "published") continue;
    if (newest === undefined || compareVersions(application.version, newest.version) > 0) {
      newest = application;
    }
  }
  return newest;
}

/** `version` is empty or `^MAJOR`. */
function isMeant(version: string, candidate: string): boolean {
  return version === "" || candidate.startsWith(`${version.slice(1)}.`);
}

/** Why no version is found: an empty text when none that is meant was ever published. */
export function whyNotFound(state: HubState, id: string, version: string): string {
  if (version !== "" && !version.startsWith("^")) return "";
  const others = [...state.applications.values()].filter(
    (application) => application.id === id && isMeant(version, application.version),
  );
  if (others.length === 0) return "";
  const told = others.map((other) => `${other.version} ${publicationOf(state, other).state}`);
  const what = `${id} ${version}`.trim();
  return `no version of ${what} is current (${told.sort().join(", ")}): name one that is not retired`;
}
