import { createEvaluate } from "@cloudbrain/sdk/definition";
import type { JsonValue, Scope } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("expression");

const evaluate = createEvaluate();
const throughCel = createEvaluate({ shortPaths: false });

function answerOf(expression: string, scope: Scope): JsonValue {
  const result = evaluate(expression, scope);
  assert.ok(result.ok, result.ok ? "" : result.reason);
  return result.ok ? result.value : null;
}

function reasonOf(expression: string, scope: Scope): string {
  const result = evaluate(expression, scope);
  assert.not.ok(result.ok, `${expression} gave ${JSON.stringify(result)}`);
  return result.ok ? "" : result.reason;
}

test("takes whole numbers of JSON as ints and mixes them with doubles", () => {
  const scope = { input: { a: 3, half: 0.5, list: [7, 8.5], zero: -0 } };
  const expected: readonly (readonly [string, JsonValue])[] = [
    ["input.a + 1", 4],
    ["input.a / 2", 1],
    ["input.a / 2.0", 1.5],
    ["double(input.a) / 2.0", 1.5],
    ["input.a > 0.5", true],
    ["input.a == 3.0", true],
    ["input.a + input.half", 3.5],
    ["input.half - input.a", -2.5],
    ["input.half * 4", 2],
    ["input.half + 1", 1.5],
    ["input.list[0] + input.list[1]", 15.5],
    ["input.list[0]", 7],
    ["size(input.list)", 2],
    ["input.zero", 0],
    ["-input.a % 2", -1],
  ];
  assert.equal(
    expected.map(([expression]) => [expression, answerOf(expression, scope)]),
    expected,
  );
});

test("refuses integers beyond 2^53 - 1 and what is no number of JSON", () => {
  const scope = { input: { big: Number.MAX_SAFE_INTEGER, huge: 1e300 } };
  assert.equal(answerOf("input.big", scope), Number.MAX_SAFE_INTEGER);
  assert.equal(answerOf("input.huge", scope), 1e300);
  assert.match(reasonOf("input.big + 1", scope), "beyond 2^53");
  assert.match(reasonOf("0.0 / 0.0", scope), "not a number in JSON");
  assert.match(reasonOf("1 / 0", scope), "divide by zero");
});

test("builds and passes on lists and maps", () => {
  const scope = { input: { o: { deep: [1, { x: null }] }, words: ["b", "a"] } };
  assert.equal(answerOf("input.o", scope), scope.input.o);
  assert.equal(answerOf("[1, 2.5, 'a', null, {'k': input.o}]", scope), [
    1,
    2.5,
    "a",
    null,
    { k: scope.input.o },
  ]);
  assert.equal(answerOf("input.words.map(w, w + '!')", scope), ["b!", "a!"]);
  assert.equal(answerOf("input.words.filter(w, w > 'a')", scope), ["b"]);
  assert.equal(answerOf("'a' in input.words && !('x' in input.o)", scope), true);
  assert.equal(answerOf("has(input.o) ? 1 : 2", scope), 1);
});

test("answers a sentence for a bad text, a missing field and a wrong type, and never throws", () => {
  const scope = { input: { a: "text" } };
  const texts = [
    "",
    "1 +",
    "input.b",
    "nothing",
    "input.a + 1",
    "input.a()",
    "constructor",
    "__proto__",
    "input.__proto__",
    "input.constructor",
    "timestamp('2026-01-01T00:00:00Z')",
    "b'x'",
    "int",
    "@tick(1)",
    "'\\",
    "(".repeat(5_000),
    "!".repeat(4_000),
    `${"a.".repeat(2_000)}a`,
    `${"1 + ".repeat(900)}1`,
    "x".repeat(5_000),
    "[".repeat(101) + "]".repeat(101),
  ];
  for (const text of texts) assert.ok(reasonOf(text, scope).length > 10, text);
});

test("answers for a value that is nested deeper than the stack", () => {
  let deep: JsonValue = [];
  for (let depth = 0; depth < 50_000; depth += 1) deep = [deep];
  assert.equal(evaluate("input.deep", { input: { deep } }).ok, true);
  reasonOf("size(input.deep) + 1", { input: { deep } });
});

test("ends an expression that would run away", () => {
  const list = Array.from({ length: 10_000 }, (_, index) => index);
  const scope = { input: { list, longer: [...list, 1], text: "a".repeat(60_000) } };
  assert.equal(answerOf("size(input.list.map(x, x + 1))", scope), 10_000);
  const runaways = [
    "input.longer.map(x, x)",
    "input.list.map(x, input.list.map(y, x + y))",
    "input.list.all(x, x in input.list)",
    "input.list.exists(x, x in input.list && false) || true",
    "input.list.map(x, input.list == input.list)",
    "input.list + input.list",
    "[input.text].map(x, x+x+x+x+x+x+x+x).map(x, x+x+x+x+x+x+x+x)",
    "input.list.map(x, input.text.matches('(a|aa)+$'))",
  ];
  for (const text of runaways) reasonOf(text, scope);
});

test("takes the short way for field paths with the same answer as CEL", () => {
  const name = fc.constantFrom("a", "b", "size", "constructor", "toString", "true", "in", "int");
  const scopes = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>);
  const nested = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<JsonValue[]>(null, true, "x", 0, -0, 1, -1.5, 1e300, 2 ** 53, [], [1]),
      fc.dictionary(name, tie("value")) as fc.Arbitrary<JsonValue>,
    ),
  })).value;
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("."));
  fc.assert(
    fc.property(path, fc.oneof(scopes, fc.dictionary(name, nested)), (expression, scope) => {
      assert.equal(evaluate(expression, scope), throughCel(expression, scope));
    }),
    { numRuns: 2_000, seed: 7 },
  );
});

test("keeps a bounded number of plans and answers the same after one was dropped", () => {
  const small = createEvaluate({ plansMax: 2 });
  const answers = ["1 + 1", "1 + 2", "1 + 3", "1 + 1"].map((text) => small(text, {}));
  assert.equal(answers, [
    { ok: true, value: 2 },
    { ok: true, value: 3 },
    { ok: true, value: 4 },
    { ok: true, value: 2 },
  ]);
});
