// Step reader: one step of an application: what all types have in common, and which reader reads
// the rest.

import type { Mapping, Step } from "../domain/application.ts";
import { readCompensation } from "./compensation-reader.ts";
import { closestName } from "./diagnostic.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import { fanoutStepKind } from "./fanout-step-reader.ts";
import { type Fields, readChoice, readFields, readText, requireField } from "./field-reader.ts";
import { gateStepKind } from "./gate-step-reader.ts";
import { humanStepKind } from "./human-step-reader.ts";
import { readNeeds } from "./need-reader.ts";
import { presentFields } from "./present-fields.ts";
import { type Reader, readCel, readMappingField } from "./reader.ts";
import { serviceStepKind } from "./service-step-reader.ts";
import { signalStepKind } from "./signal-step-reader.ts";
import type { StepKind } from "./step-kind.ts";
import { subflowStepKind } from "./subflow-step-reader.ts";
import { timerStepKind } from "./timer-step-reader.ts";
import { readTitle } from "./title-reader.ts";
import type { FieldsNode, Problems, SourceNode } from "./yaml-source.ts";

const stepIdPattern = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const sharedKeys = ["id", "type", "title", "needs", "when", "onError"];
const kinds: Readonly<Record<Step["type"], StepKind>> = {
  service: serviceStepKind,
  human: humanStepKind,
  fanout: fanoutStepKind,
  subflow: subflowStepKind,
  timer: timerStepKind,
  gate: gateStepKind,
  signal: signalStepKind,
};
const stepTypes = Object.keys(kinds) as readonly Step["type"][];

/** A step with the places that the checks of the whole graph point at. */
export interface ReadStep {
  readonly step: Step;
  readonly idAt: number;
  readonly needsAt: ReadonlyMap<string, number>;
}

/** Undefined where nothing more can be said than what is noted already. */
export function readStep(reader: Reader, node: SourceNode, index: number): ReadStep | undefined {
  const { problems } = reader;
  if (node.kind !== "fields") {
    problems.add(node.start, "WRONG_TYPE", `steps[${index}] must be a mapping`, {
      suggestion: "write - id: name, type: service, ...",
    });
    return undefined;
  }
  const named = node.fields.find(({ key }) => key === "id")?.value;
  const id = named?.kind === "scalar" ? String(named.value) : "";
  const where = stepIdPattern.test(id) ? `steps.${id}` : `steps[${index}]`;
  const type = readType(problems, node, where);
  if (type === undefined) return undefined;
  const fields = readStepFields(problems, node, where, type);
  requireField(problems, fields, "id", "write id: a-name-of-letters");
  readText(problems, fields, "id", {
    pattern: stepIdPattern,
    form: "letters, digits and _, beginning with a letter, so that steps.ID reads it",
  });
  const place: ExpressionPlace = { where, variables: ["input", "steps"], step: id };
  const { needs, needsAt } = readNeeds(reader, fields);
  const withOut = { ...place, variables: [...place.variables, "out"] };
  const step = kinds[type].read(reader, fields, place, {
    id,
    title: readTitle(problems, fields),
    needs,
    when: readCel(reader, fields.get("when"), {
      ...place,
      where: `${where}.when`,
      expects: "boolean",
    }),
    onError: readOnError(reader, fields, place),
    ...presentFields({
      output: readMappingField(reader, fields, "output", withOut),
      compensate: readCompensation(reader, fields, place),
    }),
  });
  return { step, idAt: named?.start ?? node.start, needsAt };
}

function readType(problems: Problems, node: FieldsNode, where: string): Step["type"] | undefined {
  const field = node.fields.find(({ key }) => key === "type");
  if (field === undefined) {
    problems.add(node.start, "MISSING_KEY", `${where} lacks the key "type"`, {
      suggestion: `write type: ${stepTypes.join(", ")}`,
    });
    return undefined;
  }
  const fields: Fields = { where, start: node.start, get: () => field };
  return readChoice(problems, fields, "type", stepTypes);
}

/** A key that belongs to another type is told apart from one that nobody knows. */
function readStepFields(
  problems: Problems,
  node: FieldsNode,
  where: string,
  type: Step["type"],
): Fields {
  const known = [...sharedKeys, ...kinds[type].keys];
  const refused: Record<string, string> = {};
  for (const other of stepTypes) {
    for (const key of kinds[other].keys) {
      if (!known.includes(key)) refused[key] ??= `write type: ${other}`;
    }
  }
  return readFields(problems, node, where, {
    known,
    refused: { ...refused, ...kinds[type].refused },
  });
}

function readOnError(reader: Reader, parent: Fields, place: ExpressionPlace): Mapping | undefined {
  const node = parent.get("onError")?.value;
  if (node === undefined) return undefined;
  const fields = readFields(reader.problems, node, `${parent.where}.onError`, {
    known: ["continueWith"],
  });
  requireField(reader.problems, fields, "continueWith", "write onError: { continueWith: {...} }");
  return readMappingField(reader, fields, "continueWith", place);
}

/** For sentences about a step that is named wrongly. */
export function nearestStep(name: string, ids: Iterable<string>): string | undefined {
  const near = closestName(name, ids);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
