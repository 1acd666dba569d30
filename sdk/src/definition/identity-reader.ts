// Identity reader: the metadata of an application, by which everybody names it.

import type { ApplicationIdentity } from "../domain/application.ts";
import type { Title } from "../domain/value.ts";
import { type Fields, readFields, readText, requireField } from "./field-reader.ts";
import { readTitle } from "./title-reader.ts";
import type { Problems } from "./yaml-source.ts";

export const applicationIdPattern = /^[a-z][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*$/;
/** Parts of a version by Semantic Versioning 2.0.0. */
const identifiers = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const number = "(?:0|[1-9]\\d*)";
export const versionPattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-${identifiers})?(?:\\+${identifiers})?$`,
);

export function readIdentity(
  problems: Problems,
  parent: Fields,
): Omit<ApplicationIdentity, "hash"> & { readonly title: Title } {
  const node = requireField(problems, parent, "metadata", "write metadata: { id, version, title }");
  const fields = readFields(problems, node?.value, "metadata", {
    known: ["id", "version", "title", "owner"],
  });
  if (node !== undefined) {
    requireField(problems, fields, "id", "write id: city.item.handle");
    requireField(problems, fields, "version", "write version: 1.0.0");
    requireField(problems, fields, "title", "write title: { zh: ..., en: ... }");
  }
  const idRule = {
    pattern: applicationIdPattern,
    charsMax: 128,
    form: "an id such as city.item.handle",
  };
  const versionRule = { pattern: versionPattern, charsMax: 64, form: "a semantic version: 1.0.0" };
  readText(problems, fields, "owner", { form: "who answers for the application" });
  return {
    id: readText(problems, fields, "id", idRule) ?? "",
    version: readText(problems, fields, "version", versionRule) ?? "",
    title: readTitle(problems, fields) ?? { zh: "" },
  };
}
