// User rights: what whoever is signed in may do. A node without a user acts by its certificate
// alone, as machines do.

import {
  type ActingUser,
  type ApplicationRight,
  hasRight,
  MeshError,
} from "@cloudbrain/sdk/domain";

/** Refuses with NOT_ALLOWED a user without the right. */
export function requireRight(
  user: ActingUser | undefined,
  application: string,
  right: ApplicationRight,
): void {
  if (user === undefined || hasRight(user, application, right)) return;
  throw new MeshError("NOT_ALLOWED", {
    subject: application,
    detail: `${user.account} has no right to ${right} ${application}`,
  });
}
