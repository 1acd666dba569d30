// Registrations: what a hub knows of an application's needs once a world is quiet must be what is
// there, counted without the hubs.

import { registrationKey, viewRegistration } from "@cloudbrain/hub/kernel";
import { type CapabilityNeed, isWithin, type NodeDescription } from "@cloudbrain/sdk/domain";
import type { SimHub } from "./sim-hub.ts";
import type { World } from "./world.ts";

export function checkRegistrations(world: World): void {
  for (const hub of world.hubs) {
    for (const { id, version } of world.scenario.applications) {
      const name = { origin: hub.address, application: id, version } as const;
      checkRegistration(world, hub, registrationKey(name));
    }
  }
}

function checkRegistration(world: World, hub: SimHub, key: string): void {
  const wrong = (detail: string): void => world.checkers.violation("registration", key, detail);
  const { state } = hub.hub;
  const registration = state.registrations.get(key);
  if (registration === undefined) {
    wrong(`${hub.address} has published it and has no registration`);
    return;
  }
  const { total } = viewRegistration(state, registration);
  // Who needs no node, as an application of gates and subflows alone, concerns nobody below.
  const below = world.hubs.filter(
    ({ address }) =>
      address === hub.address || (registration.needs.length > 0 && isWithin(address, hub.address)),
  );
  if (total.pending !== 0) wrong(`${total.pending} hubs have not answered`);
  if (total.hubs !== below.length) wrong(`${total.hubs} hubs of ${below.length} have it`);
  registration.needs.forEach((need, index) => {
    const seen = total.counts[index];
    // What people of the hub itself do can be asked of them; members of a level stand below it.
    const near = need.kind === "one" ? [hub.description] : [];
    const nodes = [...near, ...nodesBelow(world, hub)].filter((node) => isAsked(node, need));
    const holders = nodes.filter(({ capabilities }) => capabilities.includes(need.capability));
    const expected = need.kind === "every" ? nodes.length : 0;
    if (seen?.holders !== holders.length || seen.expected !== expected) {
      const told = `${seen?.holders} of ${seen?.expected}`;
      wrong(`${need.capability}: ${told}, there are ${holders.length} of ${expected}`);
    }
    const online = holders.filter((node) => {
      return node.address === hub.address || isOnline(world, node);
    }).length;
    if (seen?.online !== online) {
      wrong(`${need.capability}: ${seen?.online} are online, it should be ${online}`);
    }
  });
}

function nodesBelow(world: World, hub: SimHub): readonly NodeDescription[] {
  return world.descriptions.filter(
    ({ address }) => address !== hub.address && isWithin(address, hub.address),
  );
}

function isAsked({ level, industry }: NodeDescription, need: CapabilityNeed): boolean {
  return (
    (need.level === "" || level === need.level) &&
    (need.industry === "" || industry === need.industry)
  );
}

/** As the hub directly above the node sees it. */
function isOnline(world: World, { address }: NodeDescription): boolean {
  const above = world.hubAt(address.slice(0, address.lastIndexOf("/")));
  return above?.hub.state.nodes.get(address)?.state === "online";
}
