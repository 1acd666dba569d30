// Applications of the process tests, with results that the driver knows beforehand: what a handler
// answers depends on its input alone, so attempts may be repeated and the answer stays the same.

import { type JsonObject, type JsonValue, parseAddress } from "@cloudbrain/sdk/domain";
import { type Dice, hashText } from "../simulation/dice.ts";
import type { TreeNode } from "./mesh-shape.ts";

export function reportValue(division: string, nonce: string): number {
  return hashText(`report|${division}|${nonce}`) % 1_000;
}

export function itemValue(item: string, nonce: string): number {
  return hashText(`item|${item}|${nonce}`) % 1_000;
}

export function stepValue(value: number, nonce: string): number {
  return (hashText(`step|${nonce}`) + value) % 100_000;
}

/** What a chain of these applications must end with. */
export interface Expectation {
  readonly output: JsonObject;
  /** Members of every fan-out step, all of which must have replied. */
  readonly members: Readonly<Record<string, number>>;
}

export interface Submission {
  readonly application: string;
  readonly key: string;
  readonly input: JsonObject;
  readonly expected: Expectation;
}

const retry = "{ max: 1000, backoff: { initial: 100ms, factor: 2, max: 1s } }";

function applicationYaml(id: string, steps: string, output: string): string {
  return `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: ${id}, version: 1.0.0, title: { zh: ${id} } }
spec:
  input: { type: object }
  deadline: { total: 30m }
  onFailure: fail
  steps:
${steps}
  output: ${output}
`;
}

const report = applicationYaml(
  "test.report",
  `    - id: ask
      type: fanout
      fanout: { scope: '=input.scope', level: community }
      each:
        match: { capability: community.report/v1 }
        input: { nonce: '=input.nonce' }
        retry: ${retry}
      deadline: { finish: 30m }
      aggregate:
        emitEvery: 100ms
        into: { sum: sum(out.v), count: count() }
        complete: { quorum: 1, atDeadline: partial, onShort: fail }
        late: record`,
  "{ sum: '=steps.ask.agg.sum', count: '=steps.ask.agg.count' }",
);

const items = applicationYaml(
  "test.items",
  `    - id: each
      type: fanout
      fanout: { items: '=input.items', key: 'item' }
      each:
        match: { capability: work.item/v1 }
        input: { item: '=item', nonce: '=input.nonce' }
        retry: ${retry}
      deadline: { finish: 30m }
      aggregate:
        into: { sum: sum(out.v), count: count() }
        complete: { quorum: 1, atDeadline: partial, onShort: fail }
        late: record
    - id: close
      type: service
      needs: [each]
      match: { capability: work.step/v1 }
      input: { v: '=steps.each.agg.sum', nonce: '=input.nonce' }
      retry: ${retry}`,
  "{ sum: '=steps.each.agg.sum', count: '=steps.each.agg.count', v: '=steps.close.out.v' }",
);

const steps = applicationYaml(
  "test.steps",
  `    - id: first
      type: service
      match: { capability: work.step/v1 }
      input: { v: '=input.v', nonce: '=input.nonce' }
      retry: ${retry}
    - id: second
      type: service
      needs: [first]
      match: { capability: work.step/v1 }
      input: { v: '=steps.first.out.v', nonce: '=input.nonce' }
      retry: ${retry}`,
  "{ v: '=steps.second.out.v' }",
);

/** Ends at once and needs nobody: for tests of a hub alone. */
const note = applicationYaml(
  "test.note",
  `    - id: nobody
      type: service
      when: 'false'
      match: { capability: work.step/v1 }`,
  "{ nonce: '=input.nonce' }",
);

export const applicationTexts: readonly string[] = [report, items, steps, note];
export const noteApplication = "test.note";

/** A random submission for the hub at `scope`; `key` makes it the only one of its kind. */
export function drawSubmission(
  dice: Dice,
  key: string,
  scope: string,
  communities: readonly TreeNode[],
): Submission {
  const nonce = key;
  const kind = dice.pick("application", "", ["report", "report", "items", "steps"] as const);
  if (kind === "report") {
    const below = communities.filter(({ address }) => address.startsWith(`${scope}/`));
    const sum = below.reduce((total, { division }) => total + reportValue(division, nonce), 0);
    return {
      application: "test.report",
      key,
      input: { scope: parseAddress(scope), nonce },
      expected: { output: { sum, count: below.length }, members: { ask: below.length } },
    };
  }
  if (kind === "steps") {
    const v = dice.whole("start", "", { low: 0, high: 1_000 });
    return {
      application: "test.steps",
      key,
      input: { v, nonce },
      expected: { output: { v: stepValue(stepValue(v, nonce), nonce) }, members: {} },
    };
  }
  const count = dice.whole("items", "", { low: 1, high: 6 });
  const list = Array.from({ length: count }, (_, index) => `i${index}`);
  const sum = list.reduce((total, item) => total + itemValue(item, nonce), 0);
  return {
    application: "test.items",
    key,
    input: { items: list as readonly JsonValue[], nonce },
    expected: { output: { sum, count, v: stepValue(sum, nonce) }, members: { each: count } },
  };
}
