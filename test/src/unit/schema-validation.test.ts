import { checkSchema, createValidate } from "@cloudbrain/sdk/definition";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("schema validation");

const validate = createValidate();
const schema = {
  type: "object",
  required: ["code"],
  additionalProperties: false,
  properties: {
    code: { type: "string", pattern: "^[0-9]{6}$" },
    letters: { type: "string", pattern: "^[a-z]+$" },
    level: { enum: ["city", "street"] },
    at: { type: "string", format: "date-time" },
  },
};

test("answers undefined or where and why a value fails", () => {
  const values: readonly JsonValue[] = [
    { code: "370202", letters: "abc", level: "city", at: "2026-11-23T10:00:00+08:00" },
    {},
    { code: "37020x" },
    { code: "370202", letters: "1" },
    { code: "370202", more: 1 },
    { code: "370202", level: "town" },
    { code: "370202", at: "today" },
    null,
  ];
  assert.equal(
    values.map((value) => validate(schema, value)),
    [
      undefined,
      "the value must have required property 'code'",
      '/code must match pattern "^[0-9]{6}$"',
      '/letters must match pattern "^[a-z]+$"',
      'the value has no field "more"',
      "/level must be equal to one of the allowed values: city, street",
      '/at must match format "date-time"',
      "the value must be object",
    ],
  );
});

test("leaves the value as it is", () => {
  const value = {};
  validate({ type: "object", properties: { a: { type: "integer", default: 1 } } }, value);
  assert.equal(value, {});
});

test("refuses schemas that are not bounded, not valid or not alone", () => {
  let deep: JsonValue = { type: "string" };
  for (let depth = 0; depth < 40; depth += 1) deep = { not: deep };
  const refused: readonly JsonValue[] = [
    "string",
    { type: "strin" },
    { tpye: "string" },
    { $ref: "https://example.org/schema" },
    { properties: { a: { $ref: "other.json" } } },
    { type: "string", format: "nothing-known" },
    { type: "string", pattern: "(?=a)b" },
    { type: "string", pattern: "a".repeat(600) },
    { type: "string", description: "a".repeat(70_000) },
    deep,
  ];
  for (const wrong of refused) {
    assert.type(checkSchema(wrong), "string", JSON.stringify(wrong).slice(0, 80));
    assert.match(String(validate(wrong, "x")), "the schema can't be used");
  }
  assert.is(checkSchema(schema), undefined);
  assert.is(checkSchema({ $defs: { a: { type: "string" } }, $ref: "#/$defs/a" }), undefined);
});

test("names every field that is wrong, and says how many more there are", () => {
  const wanted = { type: "string" };
  const two = { properties: { a: wanted, b: wanted }, required: ["c"] };
  assert.is(
    validate({ type: "object", ...two }, { a: 1, b: 2 }),
    "the value must have required property 'c'; /a must be string; /b must be string",
  );
  const many = Array.from({ length: 30 }, () => 1);
  assert.match(validate({ type: "array", items: wanted }, many) ?? "", /; and 10 more$/);
});

test("runs a pattern in time that grows with the text alone", () => {
  const started = performance.now();
  const text = `${"a".repeat(60_000)}!`;
  assert.match(
    String(validate({ type: "string", pattern: "^(a+)+$" }, text)),
    "must match pattern",
  );
  assert.ok(performance.now() - started < 2_000);
});
