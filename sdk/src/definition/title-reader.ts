// Title reader: `{ zh, en }`, or a single text that is taken as the Chinese title.

import type { Title } from "../domain/value.ts";
import { type Fields, readFields, readText, requireField } from "./field-reader.ts";
import type { Problems } from "./yaml-source.ts";

const titleForm = { charsMax: 200, form: "a text of at most 200 characters" };

export function readTitle(problems: Problems, parent: Fields): Title | undefined {
  const node = parent.get("title")?.value;
  if (node === undefined) return undefined;
  if (node.kind === "scalar") {
    const zh = readText(problems, parent, "title", titleForm);
    return zh === undefined ? undefined : { zh };
  }
  const fields = readFields(problems, node, `${parent.where}.title`, { known: ["zh", "en"] });
  requireField(problems, fields, "zh", "write title: { zh: ..., en: ... }");
  const zh = readText(problems, fields, "zh", titleForm);
  const en = readText(problems, fields, "en", titleForm);
  if (zh === undefined) return undefined;
  return en === undefined ? { zh } : { zh, en };
}
