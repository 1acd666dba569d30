import { conflictOfRoles, hasRight, isAreaWithin, parseArea } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { makeProfile } from "../support/user-stories.ts";

const test = suite("users");

test("an area lies in another by address, by code, and by code against address", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["/3702/370202", "", true],
    ["", "", true],
    ["", "3702", false],
    ["/3702/370202", "/3702", true],
    ["/3702", "/3702/370202", false],
    ["/37020", "/3702", false],
    ["370202001", "370202", true],
    ["3702", "370202", false],
    ["370202001", "/3702/370202", true],
    ["370203", "/3702/370202", false],
    ["/3702/370202/i-traffic", "370202", true],
    ["/3702/i-traffic", "370202", false],
  ];
  const found = cases.map(([inner, outer]) => [inner, outer, isAreaWithin(inner, outer)]);
  assert.equal(found, cases);
});

test("what is neither address nor code is no area", () => {
  assert.is(parseArea("370202"), "370202");
  assert.is(parseArea("/3702/370202"), "/3702/370202");
  assert.throws(() => parseArea("市南区"), /INPUT_INVALID/);
  assert.throws(() => parseArea("1234567890123"), /INPUT_INVALID/);
  assert.throws(() => parseArea("/A"), /ADDRESS_INVALID/);
});

test("roles that check each other exclude each other, and reading goes alone", () => {
  assert.is(conflictOfRoles(["clerk", "businessAdministrator", "auditAdministrator"]), undefined);
  assert.match(
    conflictOfRoles(["systemAdministrator", "auditAdministrator"]) ?? "",
    /systemAdministrator and auditAdministrator exclude each other/,
  );
  assert.match(conflictOfRoles(["readOnly", "clerk"]) ?? "", /readOnly/);
});

test("a right holds for its application or for all, and never for who only reads", () => {
  const profile = makeProfile({ rights: [{ application: "a", rights: ["start"] }] });
  assert.is(hasRight(profile, "a", "start"), true);
  assert.is(hasRight(profile, "a", "manage"), false);
  assert.is(hasRight(profile, "b", "start"), false);
  const all = makeProfile({ rights: [{ application: "*", rights: ["start"] }] });
  assert.is(hasRight(all, "b", "start"), true);
  assert.is(hasRight({ ...all, roles: ["readOnly"] }, "b", "start"), false);
});
