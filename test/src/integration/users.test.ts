import { type Client, createClient, isMeshError, type UserDraft } from "@cloudbrain/sdk";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { VendorMesh } from "../support/vendor-mesh.ts";

const test = suite("users of a hub");

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const first = "a first password";
const own = "a word of my own";

let mesh: VendorMesh;
/** A node below the hub that may manage nothing. */
let desk: Client;

test.before(async () => {
  mesh = await VendorMesh.open();
  const identity = await mesh.issueCaller({ liveMs: hourMs });
  desk = createClient({ hub: mesh.access().hub, identity });
});
test.after(async () => {
  desk.close();
  await mesh.close();
});

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? error.code : `no refusal: ${error}`;
}

const clerk: UserDraft = {
  name: "测试员乙",
  department: "housing",
  area: "370202",
  roles: ["clerk"],
  groups: ["bureau:housing"],
  rights: [{ application: "test.step", rights: ["start"] }],
};

/** A user who has chosen a password and signed in at the desk. */
async function join(account: string, profile: UserDraft): Promise<Client> {
  await mesh.client.users.create(account, profile, first);
  await desk.users.changePassword(account, { present: first, next: own });
  return await desk.signIn(account, own);
}

test("a user is made, chooses a password, signs in, and is who it says it is", async () => {
  const made = await mesh.client.users.create("clerk-1", clerk, first);
  assert.equal([made.state, made.mustChangePassword, made.etag], ["active", true, "1"]);
  assert.is(await refusalOf(desk.signIn("clerk-1", first)), "PASSWORD_CHANGE_NEEDED");
  const passwords = { present: first, next: own };
  assert.is(
    await refusalOf(desk.users.changePassword("clerk-1", { ...passwords, next: first })),
    "INPUT_INVALID",
  );
  await desk.users.changePassword("clerk-1", passwords);
  const signedIn = await desk.signIn("clerk-1", own);
  const { user } = await signedIn.users.whoAmI();
  const { signedInAtMs, createdAtMs, changedAtMs, ...rest } = user;
  assert.ok(signedInAtMs >= createdAtMs && createdAtMs === changedAtMs && createdAtMs > 0);
  assert.equal(rest, {
    account: "clerk-1",
    ...clerk,
    state: "active",
    lockedUntilMs: 0,
    mustChangePassword: false,
    etag: "1",
  });
  await signedIn.users.signOut();
  assert.is(await refusalOf(signedIn.users.whoAmI()), "IDENTITY_UNTRUSTED");
  assert.is(await refusalOf(signedIn.status()), "IDENTITY_UNTRUSTED");
  assert.is(await refusalOf(desk.users.whoAmI()), "IDENTITY_UNTRUSTED");
  signedIn.close();
});

test("nodes and clerks manage nobody; an administrator manages its area", async () => {
  const boss = await join("boss", { ...clerk, roles: ["businessAdministrator"] });
  const plain = await join("clerk-2", clerk);
  for (const client of [desk, plain]) {
    assert.is(await refusalOf(client.users.create("x", clerk, first)), "NOT_ALLOWED");
    assert.is(await refusalOf(client.users.get("boss")), "NOT_ALLOWED");
  }
  const wide = { ...clerk, area: "" };
  await mesh.client.users.create("outside", wide, first);
  assert.is(await refusalOf(boss.users.create("x", wide, first)), "NOT_ALLOWED");
  assert.is(await refusalOf(boss.users.get("outside")), "NOT_ALLOWED");
  await boss.users.create("clerk-3", { ...clerk, department: "water" }, first);
  const seen: string[] = [];
  for await (const { account } of boss.users.list()) seen.push(account);
  assert.equal(seen, ["boss", "clerk-1", "clerk-2", "clerk-3"]);
  const water: string[] = [];
  const filter = { department: "water", role: "clerk", group: "bureau:housing" } as const;
  for await (const { account } of boss.users.list(filter)) water.push(account);
  assert.equal(water, ["clerk-3"]);
  boss.close();
  plain.close();
});

test("of two administrators who edit the same user one is told to look again", async () => {
  const { users } = mesh.client;
  const { etag } = await users.get("clerk-3");
  const results = await Promise.allSettled([
    users.update("clerk-3", { ...clerk, department: "roads" }, etag),
    users.update("clerk-3", { ...clerk, department: "parks" }, etag),
  ]);
  const [done, refused] = results.sort((a, b) => (a.status < b.status ? -1 : 1));
  assert.is(done?.status === "fulfilled" ? done.value.etag : "", "2");
  assert.is(isMeshError(refused?.status === "rejected" && refused.reason), true);
  assert.is(await refusalOf(users.update("clerk-3", clerk, "1")), "REVISION_CONFLICT");
});

test("a message that is not sound is refused with the field", async () => {
  const { users } = mesh.client;
  const wrong: readonly (readonly [string, UserDraft, string])[] = [
    ["Upper", clerk, "account"],
    ["ok", { ...clerk, name: " " }, "name"],
    ["ok", { ...clerk, roles: [] }, "roles"],
    ["ok", { ...clerk, roles: ["systemAdministrator", "auditAdministrator"] }, "roles"],
    ["ok", { ...clerk, groups: ["two words"] }, "groups"],
    ["ok", { ...clerk, area: "somewhere" }, "area"],
    ["ok", { ...clerk, rights: [{ application: "a b", rights: ["start"] }] }, "rights"],
    ["ok", { ...clerk, rights: [{ application: "a", rights: [] }] }, "rights"],
  ];
  for (const [account, profile, field] of wrong) {
    const error = await users.create(account, profile, first).then(
      () => undefined,
      (refused: unknown) => refused,
    );
    assert.is(
      isMeshError(error) ? `${error.code} ${error.subject}` : error,
      `INPUT_INVALID ${field}`,
    );
  }
  assert.is(await refusalOf(users.create("ok", clerk, "short")), "INPUT_INVALID");
  assert.is(await refusalOf(users.get("ok")), "USER_UNKNOWN");
});

test("a user starts what it has the right to start, and the chain says who did", async () => {
  const user = await join("user-1", { ...clerk, roles: ["user"] });
  const { chain } = await user.submit("test.step", {}, { key: "by-a-user" });
  const { submitter } = await user.getChain(chain);
  assert.is(submitter, "user-1@/3702/s-caller");
  assert.is(await refusalOf(user.submit("test.other", {})), "NOT_ALLOWED");
  assert.is(await refusalOf(user.run("test.other", {})), "NOT_ALLOWED");
  assert.is(await refusalOf(user.cancelChain(chain, "no right")), "NOT_ALLOWED");
  // A node without a user acts by its certificate, as before.
  await desk.cancelChain(chain, "the desk may");
  user.close();
});

test("a user manages the applications of its rights, and the versions say who did", async () => {
  const rights = [{ application: "test.mine", rights: ["manage"] as const }];
  (await join("manager-1", { ...clerk, roles: ["user"], rights })).close();
  const manager = await mesh.client.signIn("manager-1", own);
  const mine = textOf("test.mine");
  await manager.publish(mine);
  const who = "manager-1@/3702/s-operator";
  assert.is((await manager.getApplication("test.mine")).publisher, who);
  await manager.setApplicationState("test.mine", "1.0.0", "deprecated");
  assert.is((await manager.getApplication("test.mine", "1.0.0")).stateSetter, who);
  const refused = [
    manager.publish(textOf("test.other")),
    manager.rollBack("test.step", "1.0.0"),
    manager.setApplicationState("test.step", "1.0.0", "deprecated"),
    manager.setApplicationState("test.step", "1.0.0", "retired"),
  ];
  for (const call of refused) assert.is(await refusalOf(call), "NOT_ALLOWED");
  assert.is((await mesh.client.getApplication("test.step", "1.0.0")).state, "published");
  manager.close();
});

function textOf(id: string): string {
  return `apiVersion: cloudbrain/v1
kind: Application
metadata: { id: ${id}, version: 1.0.0, title: { zh: 应用 } }
spec:
  deadline: { total: 5m }
  steps:
    - { id: work, type: service, match: { capability: desk.work/v1 } }
`;
}

test("another role ends the sign-in at once, and what is under way with it", async () => {
  const user = await join("user-2", { ...clerk, roles: ["user"] });
  const { chain } = await user.submit("test.step", {}, { key: "watched" });
  const watched = user.watch(chain)[Symbol.asyncIterator]();
  await watched.next();
  const { etag } = await mesh.client.users.get("user-2");
  await mesh.client.users.update("user-2", { ...clerk, roles: ["readOnly"] }, etag);
  assert.is(await refusalOf(user.status()), "IDENTITY_UNTRUSTED");
  await mesh.client.cancelChain(chain, "makes the watch speak");
  assert.is(await refusalOf(Promise.resolve(watched.next())), "IDENTITY_UNTRUSTED");
  user.close();
});

test("five wrong passwords lock the account, over a restart of the hub, for 15 minutes", async () => {
  (await join("clerk-4", clerk)).close();
  const guess = async (times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      assert.is(await refusalOf(desk.signIn("clerk-4", "a wrong password")), "SIGN_IN_REFUSED");
    }
  };
  await guess(3);
  await mesh.closeHub();
  await mesh.openHub();
  await guess(2);
  assert.is((await mesh.client.users.get("clerk-4")).state, "locked");
  assert.is(await refusalOf(desk.signIn("clerk-4", own)), "SIGN_IN_REFUSED");
  mesh.aheadMs += 15 * minuteMs;
  (await desk.signIn("clerk-4", own)).close();
});

test("an unknown account is refused as late as a wrong password", async () => {
  const tookMs = async (account: string): Promise<number> => {
    const beganMs = performance.now();
    assert.is(await refusalOf(desk.signIn(account, "a wrong password")), "SIGN_IN_REFUSED");
    return performance.now() - beganMs;
  };
  const unknownMs = [await tookMs("nobody"), await tookMs("nobody")];
  const wrongMs = [await tookMs("clerk-3"), await tookMs("clerk-3")];
  // Without a comparison it would be a small part of that.
  assert.ok(Math.max(...unknownMs) > Math.min(...wrongMs) / 5, `${unknownMs} ${wrongMs}`);
});

test("a sign-in outlives the hub, and ends twelve hours after its last use", async () => {
  const user = await join("clerk-5", clerk);
  await mesh.closeHub();
  await mesh.openHub();
  assert.is((await user.users.whoAmI()).user.account, "clerk-5");
  mesh.aheadMs += 11 * hourMs;
  const { expiresAtMs } = await user.users.whoAmI();
  mesh.aheadMs += 11 * hourMs;
  assert.ok((await user.users.whoAmI()).expiresAtMs > expiresAtMs, "its use moves its end");
  mesh.aheadMs += 12 * hourMs + 1;
  assert.is(await refusalOf(user.users.whoAmI()), "IDENTITY_UNTRUSTED");
  user.close();
});
