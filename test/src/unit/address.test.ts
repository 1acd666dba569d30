import {
  type Address,
  childTowards,
  isMeshError,
  isWithin,
  parentOf,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("addresses");

test("a path of labels is an address", () => {
  for (const text of ["/3702", "/3702/i-traffic", "/3702/370202/r-hospital-7", "/a/b/c/d"]) {
    assert.is(parseAddress(text), text);
  }
});

test("whatever is not a path of labels is refused with its reason", () => {
  const hostile = [
    "",
    "3702",
    "/",
    "//",
    "/3702/",
    "/3702//1",
    "/3702/..",
    "/3702/%2e",
    "/3702/A",
    "/3702/a b",
    "/3702/a\u0000",
    "/3702/-a",
    "/3702/a-",
    `/${"a".repeat(64)}`,
    `/${Array.from({ length: 17 }, () => "a").join("/")}`,
    "/3702/\u202e",
  ];
  for (const text of hostile) {
    try {
      parseAddress(text);
      assert.unreachable(`accepted: ${JSON.stringify(text)}`);
    } catch (error) {
      assert.ok(isMeshError(error) && error.code === "ADDRESS_INVALID", JSON.stringify(text));
    }
  }
});

test("within means at or below, label by label", () => {
  assert.ok(isWithin("/3702/370202", "/3702"));
  assert.ok(isWithin("/3702", "/3702"));
  assert.not(isWithin("/37021", "/3702"));
  assert.is(parentOf("/3702/370202" as Address), "/3702");
  assert.is(parentOf("/3702" as Address), undefined);
  assert.is(childTowards("/3702" as Address, "/3702/370202/1"), "/3702/370202");
  assert.is(childTowards("/3702" as Address, "/3703/1"), undefined);
});
