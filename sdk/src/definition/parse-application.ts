// Parse application: the YAML text that people write becomes an application, or a list of what is
// wrong with it.
//
//   P1  All problems are reported at once, sorted by place, each with what to write instead.
//   P2  Nothing is ignored in silence: a key that this version does not know or does not support is
//       an error.
//   P3  Texts that mean the same give the same hash: order of keys, comments and the spelling of
//       durations and defaults don't count. `metadata.owner` is for people and is no part of it.

import type { Application } from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import { canonicalJson, type JsonValue } from "../domain/value.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { type ExpressionPlace, Expressions, type StepShape } from "./expression-check.ts";
import {
  type Fields,
  readChoice,
  readDurationMs,
  readFields,
  readText,
  requireField,
} from "./field-reader.ts";
import { aggregatesOf, findCycle, upstreamOf } from "./graph.ts";
import { hashApplication, withoutUndefined } from "./hash.ts";
import { checkSchema } from "./schema-validation.ts";
import { type Reader, readCel, readMappingField } from "./step-parts-reader.ts";
import { nearestStep, type ReadStep, readStep } from "./step-reader.ts";
import { readTitle } from "./title-reader.ts";
import { type Problems, plainValue, readYaml, type SourceNode } from "./yaml-source.ts";

export type ParsedApplication =
  | {
      readonly ok: true;
      readonly application: Application;
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

const applicationIdPattern = /^[a-z][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*$/;
/** Parts of a version by Semantic Versioning 2.0.0. */
const identifiers = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const number = "(?:0|[1-9]\\d*)";
const versionPattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-${identifiers})?(?:\\+${identifiers})?$`,
);
/** Kept in every hub that runs the application, and sent with it. */
const definitionBytesMax = limits.inputBytesMax * 4;

/** Parses one application. Never throws. */
export function parseApplication(
  text: string,
  options: { readonly file: string },
): ParsedApplication {
  const { root, problems } = readYaml(text, options.file);
  const application =
    root === undefined
      ? undefined
      : readApplication({ problems, expressions: new Expressions(problems, text) }, root);
  const diagnostics = problems.list();
  if (application === undefined || problems.hasErrors()) return { ok: false, diagnostics };
  return { ok: true, application, warnings: diagnostics };
}

function readApplication(reader: Reader, root: SourceNode): Application {
  const { problems } = reader;
  const fields = readFields(problems, root, "the document", {
    known: ["apiVersion", "kind", "metadata", "spec"],
  });
  requireField(problems, fields, "apiVersion", "write apiVersion: cloudbrain/v1");
  readChoice(problems, fields, "apiVersion", ["cloudbrain/v1"]);
  requireField(problems, fields, "kind", "write kind: Application");
  readChoice(problems, fields, "kind", ["Application"]);
  requireField(problems, fields, "spec", "write spec: { steps: [...] }");
  const identity = readMetadata(problems, fields);
  const spec = readSpec(reader, fields);
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

function readMetadata(problems: Problems, parent: Fields) {
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

function readSpec(reader: Reader, parent: Fields) {
  const { problems } = reader;
  const fields = readFields(problems, parent.get("spec")?.value, "spec", {
    known: ["input", "deadline", "idempotency", "onFailure", "steps", "output"],
    unsupported: ["priority", "lane", "onCancel"],
  });
  const deadline = readFields(problems, fields.get("deadline")?.value, "spec.deadline", {
    known: ["total"],
    unsupported: ["calendar", "start", "claim", "finish", "heartbeat"],
  });
  const totalMs = readDurationMs(problems, deadline, "total");
  const steps = readSteps(reader, fields, totalMs, deadline.get("total") !== undefined);
  const chain: ExpressionPlace = {
    where: "spec",
    variables: ["input", "steps"],
    step: undefined,
  };
  const settings = {
    inputSchema: readInputSchema(problems, fields),
    totalMs,
    ...readIdempotency(reader, fields),
    onFailure:
      readChoice(problems, fields, "onFailure", ["fail", "suspend"], ["compensate", "keep"]) ??
      ("suspend" as const),
    steps: steps.map(({ step }) => step),
    output: readMappingField(reader, fields, "output", chain),
  };
  const outputChars = canonicalJson(withoutUndefined(settings.output ?? null)).length;
  if (outputChars > limits.outputBytesDefault) {
    const at = fields.get("output")?.value.start ?? fields.start;
    problems.add(at, "TOO_LARGE", `spec.output takes ${outputChars} characters`, {
      suggestion: `keep it below ${limits.outputBytesDefault}`,
    });
  }
  const ids = checkGraph(problems, steps, fields);
  reader.expressions.check(shapesOf(steps), ids);
  return settings;
}

function readSteps(
  reader: Reader,
  parent: Fields,
  totalMs: number | undefined,
  hasTotal: boolean,
): readonly ReadStep[] {
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
  // A total that is wrong is reported once, not again at every step that relies on it.
  const boundMs = totalMs ?? (hasTotal ? 1 : undefined);
  return node.items
    .slice(0, limits.stepsMax)
    .map((item, index) => readStep(reader, item, index, boundMs))
    .filter((step) => step !== undefined);
}

function readIdempotency(reader: Reader, parent: Fields) {
  const fields = readFields(reader.problems, parent.get("idempotency")?.value, "spec.idempotency", {
    known: ["key", "keep"],
  });
  return {
    keyExpression: readCel(reader, fields.get("key"), {
      where: "spec.idempotency.key",
      variables: ["input", "request"],
      step: undefined,
    }),
    keyKeepMs: readDurationMs(reader.problems, fields, "keep") ?? limits.keyKeepMs,
  };
}

function readInputSchema(problems: Problems, parent: Fields): JsonValue | undefined {
  const node = parent.get("input")?.value;
  if (node === undefined) return undefined;
  const schema = plainValue(node);
  const wrong = checkSchema(schema);
  if (wrong !== undefined) {
    problems.add(node.start, "BAD_SCHEMA", `spec.input is not a usable JSON Schema: ${wrong}`, {
      suggestion: "write JSON Schema 2020-12, such as { type: object, properties: {...} }",
    });
  }
  return schema;
}

function shapesOf(steps: readonly ReadStep[]): ReadonlyMap<string, StepShape> {
  const upstream = upstreamOf(steps.map(({ step }) => step));
  return new Map(
    steps.map(({ step }) => [
      step.id,
      {
        type: step.type === "fanout" ? "fanout" : "service",
        aggregates: aggregatesOf(step),
        upstream: upstream.get(step.id) ?? new Set<string>(),
      },
    ]),
  );
}

function checkGraph(
  problems: Problems,
  steps: readonly ReadStep[],
  parent: Fields,
): ReadonlySet<string> {
  const ids = checkIds(problems, parent);
  for (const { step, needsAt } of steps) {
    for (const [need, at] of needsAt) {
      if (ids.has(need)) continue;
      const others = [...ids].filter((id) => id !== step.id && id !== "");
      problems.add(at, "UNKNOWN_STEP", `steps.${step.id} needs "${need}", which is no step`, {
        suggestion: nearestStep(need, others) ?? `there is ${others.slice(0, 8).join(", ")}`,
      });
    }
  }
  const cycle = findCycle(steps.map(({ step }) => step));
  const first = steps.find(({ step }) => step.id === cycle?.[0]);
  if (cycle === undefined || first === undefined) return ids;
  const loop = [...cycle, cycle[0]].join(" -> ");
  const at = first.needsAt.get(cycle[1] ?? cycle[0] ?? "") ?? first.idAt;
  problems.add(at, "CYCLE", `steps need each other in a circle: ${loop}`, {
    suggestion: "remove one of these needs",
  });
  return ids;
}

/** All ids, also of steps that could not be read. */
function checkIds(problems: Problems, parent: Fields): ReadonlySet<string> {
  const listed = parent.get("steps")?.value;
  const seen = new Set<string>();
  for (const item of listed?.kind === "list" ? listed.items : []) {
    const id = idOf(item);
    if (id !== "" && seen.has(id)) {
      problems.add(item.start, "DUPLICATE_STEP", `there are two steps "${id}"`, {
        suggestion: "rename one of the two",
      });
    }
    seen.add(id);
  }
  return seen;
}

function idOf(node: SourceNode): string {
  const field = node.kind === "fields" ? node.fields.find(({ key }) => key === "id") : undefined;
  return field?.value.kind === "scalar" ? String(field.value.value) : "";
}
