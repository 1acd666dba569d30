import {
  createDecoyHash,
  hashPassword,
  isPasswordOf,
} from "@cloudbrain/hub/internal/users/password-hash";
import { PasswordProcess } from "@cloudbrain/hub/internal/users/password-process";
import { checkNewPassword } from "@cloudbrain/hub/internal/users/password-rules";
import { isMeshError, limits } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

// Every hash is a third of a second of a processor that others may be using, too.
const test = suite("passwords", { timeLimitMs: 60_000 });

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? `${error.code} ${error.retryAfterMs}` : `no refusal: ${error}`;
}

test("a hash says how it was made, has its own salt, and knows its password alone", () => {
  const hash = hashPassword("three odd words");
  assert.match(hash, /^\$scrypt\$ln=17,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.is.not(hashPassword("three odd words"), hash);
  assert.is(isPasswordOf("three odd words", hash), true);
  assert.is(isPasswordOf("three odd word", hash), false);
});

test("the same letters are the same password, however an input method writes them", () => {
  assert.is(isPasswordOf("ｃａｆｅ\u0301 au lait", hashPassword("caf\u00e9 au lait")), true);
});

test("a stored string that is no hash, or would take too much memory, is nobody's", () => {
  const hash = createDecoyHash();
  const damaged = ["", "plain", hash.slice(0, -1), hash.replace("scrypt", "argon2id")];
  const expensive = ["ln=20,r=8,p=1", "ln=17,r=9,p=1", "ln=17,r=8,p=9", "ln=0,r=8,p=1"];
  for (const cost of expensive) damaged.push(hash.replace("ln=17,r=8,p=1", cost));
  assert.equal(
    damaged.map((stored) => isPasswordOf("any password", stored)),
    damaged.map(() => false),
  );
});

test("what nobody's account is compared with costs what everybody's does", () => {
  const costOf = (hash: string): string => hash.split("$").slice(0, 3).join("$");
  assert.is(costOf(createDecoyHash()), costOf(hashPassword("three odd words")));
  assert.is(isPasswordOf("three odd words", createDecoyHash()), false);
});

test("a new password has its length, is not the account's name and none of the commonest", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["short", /10 to 128/],
    ["九个汉字不够长呢呀", /10 to 128/],
    ["x".repeat(129), /10 to 128/],
    ["Clerk-Housing", /name of the account/],
    ["Qwerty12345", /everybody tries/],
    ["１２３４５６７８９０", /everybody tries/],
    ["啊".repeat(12), /everybody tries/],
  ];
  for (const [password, reason] of refused) {
    assert.throws(() => checkNewPassword(password, "clerk-housing"), reason, password);
  }
  for (const password of ["three odd words", "十个汉字就已经足够长了", "ab".repeat(64)]) {
    checkNewPassword(password, "clerk-housing");
  }
});

test("the process hashes and compares, and is started by the first question", async () => {
  const passwords = new PasswordProcess();
  assert.is(passwords.pid, undefined);
  const hash = await passwords.hash("three odd words");
  assert.ok(passwords.pid !== undefined && passwords.pid !== process.pid);
  const compared = ["three odd words", "other words here"].map((password) =>
    passwords.compare(password, hash),
  );
  assert.equal(await Promise.all(compared), [true, false]);
  await passwords.close();
  assert.is(passwords.pid, undefined);
  assert.is(await refusalOf(passwords.hash("three odd words")), "HUB_BUSY 1000");
});

test("more questions than may wait are refused at once, and closing refuses the rest", async () => {
  const passwords = new PasswordProcess();
  const asked = Array.from({ length: limits.passwordQueueMax + 1 }, () =>
    refusalOf(passwords.hash("three odd words")),
  );
  assert.is(await refusalOf(passwords.hash("three odd words")), "HUB_BUSY 1000");
  await passwords.close();
  assert.equal(
    await Promise.all(asked),
    asked.map(() => "HUB_BUSY 1000"),
  );
});

test("when the process dies its question is refused, and the next ones have another", async () => {
  const passwords = new PasswordProcess();
  const dying = refusalOf(passwords.hash("three odd words"));
  const next = passwords.hash("three odd words");
  const { pid } = passwords;
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGKILL");
  assert.is(await dying, "HUB_BUSY 1000");
  assert.match(await next, /^\$scrypt/);
  assert.is.not(passwords.pid, pid);
  await passwords.close();
});
