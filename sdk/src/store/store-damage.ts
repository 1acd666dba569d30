// Store damage: the one shape in which a damaged file is reported.

import { MeshError } from "../domain/errors.ts";

/** STORE_CORRUPT whose subject is `file@byteOffset`, so that a person can look at the place. */
export function createDamage(
  path: string,
  offset: number,
  detail: string,
  cause?: unknown,
): MeshError {
  return new MeshError("STORE_CORRUPT", { subject: `${path}@${offset}`, detail, cause });
}
