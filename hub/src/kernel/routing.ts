// Routing: which direct peer leads to an address.
//
//   R1  Own subtree goes down to the child whose address is a prefix; everything else goes up.
//   R2  A frame that came from above never goes up again: the route that sent it here is wrong, and
//       sending it back would be a loop.

import { type Address, childTowards, isWithin } from "@cloudbrain/sdk/domain";
import type { HubState } from "./state.ts";

/** The peer to hand a frame to, or undefined: unknown child, no parent, or ourselves. */
export function nextHop(state: HubState, to: Address): Address | undefined {
  if (to === state.self) return undefined;
  if (isWithin(to, state.self)) {
    const child = childTowards(state.self, to);
    return child !== undefined && state.sessions.has(child) ? child : undefined;
  }
  return state.parent;
}
