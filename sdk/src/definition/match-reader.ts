// Match reader: which nodes may do something, and which of them is chosen.

import type { Match } from "../domain/application.ts";
import { levels } from "../domain/node-record.ts";
import { closestName } from "./diagnostic.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import { type Fields, readChoice, readFields, readText, requireField } from "./field-reader.ts";
import { presentFields } from "./present-fields.ts";
import { listedNodes, type Reader, readCel, readTextMapping } from "./reader.ts";
import type { SourceField } from "./yaml-source.ts";

export const capabilityPattern =
  /^[A-Za-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*(?:\/v[1-9][0-9]{0,5})?$/;
/** Scores of a node; more than a few nobody can foresee. */
const preferMax = 8;

export const matchKeys = [
  "capability",
  "level",
  "region",
  "industry",
  "where",
  "policy",
  "pick",
  "prefer",
] as const;
const refused = {
  reserve: "remove it: a node that has no units left refuses, and retry.rematch asks the next",
};

/** The `match` of a step or of members. `all` where every node that matches becomes a member. */
export function readMatch(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  options: { readonly mayPickAll?: boolean } = {},
): Match {
  const suggestion = "write match: { capability: name/v1 }";
  const field = requireField(reader.problems, parent, "match", suggestion);
  const where = `${parent.where}.match`;
  const fields = readFields(reader.problems, field?.value, where, { known: matchKeys, refused });
  if (field !== undefined) {
    requireField(reader.problems, fields, "capability", "write name or name/v1");
  }
  return readMatchFields(reader, fields, place, options);
}

/** The keys of a match among those of something else. */
export function readMatchFields(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
  options: { readonly mayPickAll?: boolean } = {},
): Match {
  const { problems } = reader;
  const capability = readText(problems, fields, "capability", {
    pattern: capabilityPattern,
    charsMax: 128,
    form: "a name such as item.classify/v1",
  });
  const ofNode = { ...place, variables: [...place.variables, "node"] };
  const picks = ["one", "leastLoaded", "nearest"] as const;
  const mayPickAll = options.mayPickAll === true;
  const pick = readChoice(problems, fields, "pick", mayPickAll ? [...picks, "all"] : picks, {
    all: "write type: fanout, whose each.match may pick: all",
  });
  return {
    capability: capability ?? "",
    level: readChoice(problems, fields, "level", levels),
    region: readTextMapping(reader, fields, "region", place),
    industry: readTextMapping(reader, fields, "industry", place),
    where: readCel(reader, fields.get("where"), {
      ...ofNode,
      where: `${fields.where}.where`,
      expects: "boolean",
    }),
    pick: pick ?? "one",
    ...presentFields({
      policy: readPolicyName(reader, fields, place),
      prefer: readPrefer(reader, fields, ofNode),
    }),
  };
}

function readPolicyName(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
): string | undefined {
  const name = readText(reader.problems, fields, "policy", { form: "a name of spec.policies" });
  const field = fields.get("policy");
  if (name !== undefined && field !== undefined) checkPolicyLater(reader, name, field, place);
  return name;
}

/** A policy is checked for each step that names it, since they see different steps before them. */
function checkPolicyLater(
  reader: Reader,
  name: string,
  field: SourceField,
  { step }: ExpressionPlace,
): void {
  reader.afterwards.push(({ policies }) => {
    const policy = policies.get(name);
    if (policy !== undefined) {
      reader.expressions.add(policy, policy.value, 0, {
        where: `spec.policies.${name}`,
        variables: ["node", "input", "steps"],
        step,
        expects: "boolean",
      });
      return;
    }
    const near = closestName(name, policies.keys());
    reader.problems.add(field.value.start, "UNKNOWN_POLICY", `there is no policy "${name}"`, {
      suggestion:
        near === undefined
          ? `write spec.policies: { ${name}: 'node.level == "city"' }`
          : `did you mean "${near}"?`,
    });
  });
}

function readPrefer(
  reader: Reader,
  fields: Fields,
  place: ExpressionPlace,
): readonly string[] | undefined {
  const listed = listedNodes(fields, "prefer");
  if (listed.length === 0) return undefined;
  if (listed.length > preferMax) {
    const at = listed[preferMax]?.node.start ?? fields.start;
    const message = `${fields.where}.prefer holds ${listed.length} expressions`;
    reader.problems.add(at, "TOO_MANY", message, { suggestion: `write at most ${preferMax}` });
  }
  return listed.flatMap(({ node, where }) => {
    const field = { key: "prefer", keyStart: node.start, value: node };
    return readCel(reader, field, { ...place, where, expects: "number" }) ?? [];
  });
}
