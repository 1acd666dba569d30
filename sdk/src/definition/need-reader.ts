// Need reader: which steps come before a step.

import type { Need } from "../domain/application.ts";
import {
  type Fields,
  readChoice,
  readFields,
  readText,
  requireField,
  textNode,
} from "./field-reader.ts";
import type { Reader } from "./reader.ts";
import type { Problems, SourceNode } from "./yaml-source.ts";

export interface ReadNeeds {
  readonly needs: readonly Need[];
  /** Offset of each need, by the id of the step that it names. */
  readonly needsAt: ReadonlyMap<string, number>;
}

export function readNeeds(reader: Reader, fields: Fields): ReadNeeds {
  const { problems } = reader;
  const node = fields.get("needs")?.value;
  const needs: Need[] = [];
  const needsAt = new Map<string, number>();
  if (node === undefined) return { needs, needsAt };
  const where = `${fields.where}.needs`;
  if (node.kind !== "list") {
    problems.add(node.start, "WRONG_TYPE", `${where} must be a list`, {
      suggestion: "write needs: [other-step]",
    });
    return { needs, needsAt };
  }
  for (const [index, item] of node.items.entries()) {
    const need = readNeed(problems, item, `${where}[${index}]`);
    if (need === undefined) continue;
    if (needsAt.has(need.step)) {
      problems.add(item.start, "DUPLICATE_NEED", `${where} names "${need.step}" twice`, {
        suggestion: "remove one of the two",
      });
      continue;
    }
    needs.push(need);
    needsAt.set(need.step, item.start);
    if (need.on === "partial") checkPartialLater(reader, need.step, item.start, where);
  }
  return { needs, needsAt };
}

function readNeed(problems: Problems, node: SourceNode, where: string): Need | undefined {
  if (node.kind !== "fields") {
    const step = textNode(problems, node, where)?.value;
    return step === undefined ? undefined : { step, on: "done" };
  }
  const fields = readFields(problems, node, where, { known: ["step", "on"] });
  requireField(problems, fields, "step", "write { step: other, on: failed }");
  const step = readText(problems, fields, "step", { form: "the id of another step" });
  const on = readChoice(problems, fields, "on", ["done", "failed", "partial"]) ?? "done";
  return step === undefined ? undefined : { step, on };
}

function checkPartialLater(reader: Reader, id: string, at: number, where: string): void {
  reader.afterwards.push(({ steps }) => {
    const step = steps.get(id);
    if (step === undefined || step.type === "fanout") return;
    const message = `${where}: "${id}" is a ${step.type}, which has no partial result`;
    reader.problems.add(at, "NO_PARTIAL", message, {
      suggestion: "write the id alone: only a fan-out gives partial results",
    });
  });
}
