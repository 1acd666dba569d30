// Parse application: the YAML text that people write becomes an application, or a list of what is
// wrong with it.
//
//   P1  All problems are reported at once, sorted by place, each with what to write instead.
//   P2  Nothing is ignored in silence: a key that has no place where it stands is an error.
//   P3  Texts that mean the same give the same hash: order of keys, comments and the spelling of
//       durations and defaults don't count. `metadata.owner` is for people and is no part of it.
//   P4  What came later into the language stays out of an application that does not use it, so that
//       older texts keep their hash.

import type { Application } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { canonicalJson } from "../domain/value.ts";
import {
  type ChainDeadline,
  policyRulesOf,
  readChainDeadline,
  readEnds,
  readIdempotency,
  readPolicies,
  readPriority,
  readUrgency,
} from "./chain-settings-reader.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { Expressions } from "./expression-check.ts";
import { type Fields, readChoice, readFields, requireField } from "./field-reader.ts";
import { hashApplication, withoutUndefined } from "./hash.ts";
import { readIdentity } from "./identity-reader.ts";
import { presentFields } from "./present-fields.ts";
import { type Reader, readMappingField, readSchema, type WholeDefinition } from "./reader.ts";
import { typeOfSchema } from "./schema-type.ts";
import { type ReadStep, readStep } from "./step-reader.ts";
import { shapesOf } from "./step-shape.ts";
import { checkGraph, checkUnusedPolicies, warnOfNoEffect } from "./whole-check.ts";
import { readYaml, type SourceNode } from "./yaml-source.ts";

export type ParsedApplication =
  | {
      readonly ok: true;
      readonly application: Application;
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface ParseOptions {
  /** For the places of problems. */
  readonly file: string;
  /** Working calendars that there are; a name of another is refused. Default: any name will do. */
  readonly calendars?: readonly string[] | undefined;
}

/** Kept in every hub that runs the application, and sent with it. */
const definitionBytesMax = limits.inputBytesMax * 4;

/** Parses one application. Never throws. */
export function parseApplication(text: string, options: ParseOptions): ParsedApplication {
  const { root, problems } = readYaml(text, options.file);
  const { calendars } = options;
  const application =
    root === undefined
      ? undefined
      : readApplication(root, {
          problems,
          expressions: new Expressions(problems, text),
          calendars: calendars === undefined ? undefined : new Set(calendars),
          afterwards: [],
        });
  const diagnostics = problems.list();
  if (application === undefined || problems.hasErrors()) return { ok: false, diagnostics };
  return { ok: true, application, warnings: diagnostics };
}

type FirstReader = Omit<Reader, "applicationId" | "chainTotalMs">;

function readApplication(root: SourceNode, first: FirstReader): Application {
  const { problems } = first;
  const fields = readFields(problems, root, "the document", {
    known: ["apiVersion", "kind", "metadata", "spec"],
  });
  requireField(problems, fields, "apiVersion", "write apiVersion: cloudbrain/v1");
  readChoice(problems, fields, "apiVersion", ["cloudbrain/v1"]);
  requireField(problems, fields, "kind", "write kind: Application");
  readChoice(problems, fields, "kind", ["Application"]);
  requireField(problems, fields, "spec", "write spec: { steps: [...] }");
  const identity = readIdentity(problems, fields);
  const spec = readSpec({ ...first, applicationId: identity.id }, fields);
  const application = { ...identity, ...spec };
  const hash = hashApplication(application);
  const bytes = canonicalJson(withoutUndefined(application)).length;
  if (bytes > definitionBytesMax) {
    problems.add(root.start, "TOO_LARGE", `the definition takes ${bytes} characters`, {
      suggestion: `keep it below ${definitionBytesMax}`,
    });
  }
  return { ...application, hash };
}

function readSpec(
  first: Omit<Reader, "chainTotalMs">,
  parent: Fields,
): Omit<Application, "id" | "version" | "title" | "hash"> {
  const { problems } = first;
  const fields = readFields(problems, parent.get("spec")?.value, "spec", {
    known: [
      "input",
      "deadline",
      "idempotency",
      "priority",
      "lane",
      "policies",
      "onFailure",
      "onCancel",
      "steps",
      "output",
    ],
  });
  const deadline = readChainDeadline(first, fields);
  const reader = { ...first, chainTotalMs: boundOf(deadline) };
  const steps = readSteps(reader, fields);
  const policies = readPolicies(reader, fields);
  const ends = readEnds(reader, fields);
  const inputSchema = readSchema(problems, fields, "input");
  const settings = {
    inputSchema,
    totalMs: deadline.totalMs,
    ...readIdempotency(reader, fields),
    ...ends,
    steps: steps.map(({ step }) => step),
    output: readMappingField(reader, fields, "output", {
      where: "spec",
      variables: ["input", "steps"],
      step: undefined,
    }),
    ...presentFields({
      calendar: deadline.calendar,
      priority: readPriority(reader, fields),
      urgency: readUrgency(reader, fields),
      policies: policyRulesOf(policies),
    }),
  };
  checkOutputSize(reader, fields, settings.output);
  const ids = checkGraph(problems, steps, fields);
  warnOfNoEffect(reader, fields, steps, ends);
  checkWhole(reader, settings, { ids, policies });
  return settings;
}

/** A total that is wrong is reported once, not again at every step that relies on it. */
function boundOf({ totalMs, hasTotal }: ChainDeadline): number | undefined {
  return totalMs ?? (hasTotal ? 1 : undefined);
}

function checkOutputSize(
  { problems }: Reader,
  fields: Fields,
  output: Application["output"],
): void {
  const outputChars = canonicalJson(withoutUndefined(output ?? null)).length;
  if (outputChars <= limits.outputBytesDefault) return;
  const at = fields.get("output")?.value.start ?? fields.start;
  problems.add(at, "TOO_LARGE", `spec.output takes ${outputChars} characters`, {
    suggestion: `keep it below ${limits.outputBytesDefault}`,
  });
}

function checkWhole(
  reader: Reader,
  { steps, inputSchema }: Pick<Application, "steps" | "inputSchema">,
  { ids, policies }: Pick<WholeDefinition, "ids" | "policies">,
): void {
  const whole = { steps: new Map(steps.map((step) => [step.id, step])), ids, policies };
  for (const check of reader.afterwards) check(whole);
  checkUnusedPolicies(reader, whole);
  reader.expressions.check({ steps: shapesOf(steps), ids, input: typeOfSchema(inputSchema) });
}

function readSteps(reader: Reader, parent: Fields): readonly ReadStep[] {
  const { problems } = reader;
  const field = requireField(problems, parent, "steps", "write steps: [{ id, type, ... }]");
  if (field === undefined) return [];
  const { value: node } = field;
  if (node.kind !== "list" || node.items.length === 0) {
    problems.add(node.start, "WRONG_TYPE", "spec.steps must be a list of at least one step", {
      suggestion: "write - id: name, type: service, ...",
    });
    return [];
  }
  if (node.items.length > limits.stepsMax) {
    const message = `spec.steps holds ${node.items.length} steps`;
    problems.add(node.items[limits.stepsMax]?.start ?? node.start, "TOO_MANY", message, {
      suggestion: `write at most ${limits.stepsMax}`,
    });
  }
  return node.items
    .slice(0, limits.stepsMax)
    .map((item, index) => readStep(reader, item, index))
    .filter((step) => step !== undefined);
}
