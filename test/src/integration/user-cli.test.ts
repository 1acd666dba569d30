import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Credentials, createClient } from "@cloudbrain/sdk";
import { writeCredentials } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import type { Ended } from "../support/command.ts";
import { createCommandRun } from "../support/command-run.ts";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

// Dozens of processes, each a third of a second of CPU time.
const test = suite("cloudbrain user and login", { timeLimitMs: 60_000 });

let mesh: VendorMesh;
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-user-command-"));
const sessionFile = join(directory, "xdg", "cloudbrain", "session.json");

test.before(async () => {
  mesh = await VendorMesh.open();
  writeIdentity("operator", mesh.access().operator);
  writeIdentity("desk", await mesh.issueCaller({ liveMs: 3_600_000 }));
  write("first", "a first password\n");
  write("own", "a word of my own\n");
  write("wrong", "a wrong password\n");
});
test.after(async () => {
  rmSync(directory, { recursive: true });
  await mesh.close();
});

function writeIdentity(name: string, credentials: Credentials): void {
  writeCredentials(join(directory, name), credentials);
}

function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

/** Runs the command as the operator of the hub or as a desk below it. */
function run(as: "operator" | "desk", words: string, input = ""): Promise<Ended> {
  const { hub } = mesh.access();
  const reach = ["--hub", hub, "--identity", as, "--lang", "en"];
  return createCommandRun(directory)([...words.split(" "), ...reach], { input });
}

async function codesOf(as: "operator" | "desk", ...lines: readonly string[]) {
  const codes: (number | null)[] = [];
  for (const line of lines) codes.push((await run(as, line)).code);
  return codes;
}

test("a user is made, listed, changed, disabled and enabled", async () => {
  const added = await run(
    "operator",
    "user add clerk-1 --name 测试员丙 --department housing --area 370202 --role clerk " +
      "--group bureau:housing --right test.step:start,handle --password-file - --json",
    "a first password",
  );
  assert.equal([added.code, added.stderr], [0, ""]);
  const { createdAtMs, changedAtMs, ...user } = JSON.parse(added.stdout) as Record<string, unknown>;
  assert.is(createdAtMs, changedAtMs);
  assert.equal(user, {
    account: "clerk-1",
    name: "测试员丙",
    department: "housing",
    area: "370202",
    roles: ["clerk"],
    groups: ["bureau:housing"],
    rights: [{ application: "test.step", rights: ["handle", "start"] }],
    state: "active",
    lockedUntilMs: 0,
    mustChangePassword: true,
    etag: "1",
    signedInAtMs: 0,
  });
  assert.equal(
    await codesOf(
      "operator",
      // The last word is an empty one: no groups.
      "user set clerk-1 --department water --group ",
      "user role clerk-1 clerk user",
      "user disable clerk-1",
    ),
    [0, 0, 0],
  );
  const listed = await run("operator", "user ls --state disabled --role user");
  assert.is(
    listed.stdout,
    "ACCOUNT  NAME      ROLES       DEPARTMENT    AREA  STATE\n" +
      "clerk-1  测试员丙  clerk user  water       370202  disabled\n",
  );
  assert.equal(
    await codesOf("operator", "user enable clerk-1", "user set clerk-1 --area 3702"),
    [0, 0],
  );
  const shown = await run("operator", "user show clerk-1");
  assert.ok(
    shown.stdout.startsWith(
      "ACCOUNT  clerk-1\nNAME  测试员丙\nSTATE  active\nROLES  clerk user\nDEPARTMENT  water\n" +
        "AREA  3702\nrights  test.step:handle,start\nsigned in  -\nchanged  ",
    ),
    shown.stdout,
  );
});

test("what goes wrong has its exit code", async () => {
  const lines: readonly (readonly [string, number])[] = [
    ["user add clerk-1 --password-file first", 5],
    ["user add clerk-2 --role boss --password-file first", 2],
    ["user add clerk-2 --right test.step:fly --password-file first", 2],
    ["user add clerk-2", 2],
    ["user add clerk-2 --password-file none", 2],
    ["user set clerk-1", 2],
    ["user show nobody", 3],
    ["login nobody --password-file first", 4],
    ["login clerk-1 --password-file first", 4],
    ["whoami", 4],
    ["logout", 4],
  ];
  const ended = await Promise.all(lines.map(([line]) => run("operator", line)));
  assert.equal(
    ended.map(({ code, stdout }, index) => [lines[index]?.[0], code, stdout]),
    lines.map(([line, code]) => [line, code, ""]),
  );
  assert.is((await run("desk", "user ls")).code, 4);
});

test("whoever is signed in acts as that user until signing out", async () => {
  const words = "login clerk-1 --password-file first --new-password-file own --json";
  const signedIn = await run("desk", words);
  assert.equal([signedIn.code, signedIn.stderr], [0, ""]);
  assert.is((JSON.parse(signedIn.stdout) as { account?: string }).account, "clerk-1");
  assert.is(statSync(sessionFile).mode & 0o777, 0o600);
  assert.not.match(signedIn.stdout, /token/);
  const shown = await run("desk", "whoami --json");
  assert.is((JSON.parse(shown.stdout) as { account?: string }).account, "clerk-1");
  const started = await run("desk", "chain start test.step --key by-clerk --json");
  assert.is(started.code, 0);
  const { chain } = JSON.parse(started.stdout) as { chain: string };
  assert.is((await mesh.client.getChain(chain)).submitter, "clerk-1@/3702/s-caller");
  assert.is((await run("desk", `chain cancel ${chain}`)).code, 4);
  const token = tokenOf(readFileSync(sessionFile, "utf8"));
  assert.is((await run("desk", "logout")).code, 0);
  assert.is((await run("desk", "whoami")).code, 4);
  assert.is(readFileSync(sessionFile, "utf8"), '{\n  "sessions": {}\n}\n');
  assert.is(await answerTo(token), "IDENTITY_UNTRUSTED");
});

test("signing in anew ends the sign-in before", async () => {
  await run("desk", "login clerk-1 --password-file own");
  const before = tokenOf(readFileSync(sessionFile, "utf8"));
  assert.is(await answerTo(before), "clerk-1");
  assert.is((await run("desk", "login clerk-1 --password-file own")).code, 0);
  assert.is(await answerTo(before), "IDENTITY_UNTRUSTED");
  assert.is(await answerTo(tokenOf(readFileSync(sessionFile, "utf8"))), "clerk-1");
});

test("a reset ends the sign-in, and the old password with it", async () => {
  assert.is((await run("operator", "user reset clerk-1 --password-file first")).code, 0);
  assert.is((await run("desk", "whoami")).code, 4);
  assert.equal(
    await codesOf(
      "desk",
      "login clerk-1 --password-file own",
      "login clerk-1 --password-file first",
    ),
    [4, 4],
  );
});

test("a session file that others can read, or that is none, is refused", async () => {
  chmodSync(sessionFile, 0o644);
  const open = await run("desk", "whoami");
  assert.is(open.code, 78);
  assert.match(open.stderr, /others can read it/);
  chmodSync(sessionFile, 0o600);
  writeFileSync(sessionFile, "{}");
  assert.is((await run("desk", "whoami")).code, 78);
});

function tokenOf(text: string): string {
  const { sessions } = JSON.parse(text) as { sessions: Record<string, { token: string }> };
  return sessions[mesh.access().hub]?.token ?? "";
}

/** The account that the hub answers to the token with, or the code of its refusal. */
async function answerTo(token: string): Promise<string> {
  const { hub, operator } = mesh.access();
  const client = createClient({ hub, identity: operator, token });
  try {
    return (await client.users.whoAmI()).user.account;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  } finally {
    client.close();
  }
}
