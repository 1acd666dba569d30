// Rows of publications, pins, sources and registrations.

import type { Address, Row } from "@cloudbrain/sdk/domain";
import type { ChildRegistration, Pin, Publication, Registration } from "./application-state.ts";
import type { HubState } from "./state.ts";

/** Sources are read from the store when somebody asks: they are for people alone. */
export const applicationTables = ["publication", "pin", "registration"] as const;
export type ApplicationTable = (typeof applicationTables)[number] | "source";

interface StoredRegistration extends Omit<Registration, "children"> {
  readonly children: readonly ChildRegistration[];
}

/** What a row of the table holds now; undefined deletes it. */
export function applicationEntity(state: HubState, table: ApplicationTable, key: string): unknown {
  if (table === "publication") return state.publications.get(key);
  if (table === "pin") return state.pins.get(key);
  if (table === "source") return state.sources.get(key);
  const registration = state.registrations.get(key);
  if (registration === undefined) return undefined;
  const stored: StoredRegistration = {
    ...registration,
    children: [...registration.children.values()],
  };
  return stored;
}

/** False for a row of another table. */
export function restoreApplicationRow(state: HubState, { table, key, value }: Row): boolean {
  if (table === "publication") state.publications.set(key, value as Publication);
  else if (table === "pin") state.pins.set(key, value as Pin);
  else if (table === "registration") {
    const stored = value as StoredRegistration;
    state.registrations.set(key, {
      ...stored,
      children: new Map(stored.children.map((child) => [child.address as Address, child])),
    });
  } else return false;
  return true;
}

export function applicationKeys(state: HubState) {
  return {
    publication: state.publications.keys(),
    pin: state.pins.keys(),
    registration: state.registrations.keys(),
  };
}
