import type { CallContext } from "./calls.ts";

/** Who acts, as rows and notes keep it: a signed-in user at a node, or the node. */
export function whoOf({ caller, user }: CallContext): string {
  return user === undefined ? caller : `${user.account}@${caller}`;
}
