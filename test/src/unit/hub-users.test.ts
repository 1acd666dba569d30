import { userStateAt } from "@cloudbrain/hub/kernel";
import { limits, type UserProfile, type UserState } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { city, makeProfile, operator, UserStories } from "../support/user-stories.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

function stateOf(stories: UserStories, account: string): UserState | undefined {
  const user = stories.kernel.state.users.get(account);
  return user === undefined ? undefined : userStateAt(user, stories.mesh.nowMs);
}

function tokensOf(stories: UserStories): readonly string[] {
  return [...stories.kernel.state.tokens.keys()].sort();
}

function expiryOf(stories: UserStories, token: string): number | undefined {
  return stories.kernel.state.tokens.get(token)?.expiresAtMs;
}

function guess(stories: UserStories, account: string, times: number): readonly string[] {
  return Array.from({ length: times }, () => stories.signIn(account, "wrong", "t-wrong"));
}

const signing = suite("signing in");

signing("a first password must be changed before it signs anybody in", () => {
  const stories = new UserStories();
  assert.is(stories.create("clerk-1"), "done");
  assert.is(stories.signIn("clerk-1", "first", "t1"), "PASSWORD_CHANGE_NEEDED");
  assert.equal(tokensOf(stories), []);
  assert.is(stories.changeFirst("clerk-1"), "done");
  assert.is(stories.signIn("clerk-1", "own", "t1"), "done");
  assert.equal(tokensOf(stories), ["t1"]);
});

signing("an unknown account and a wrong password are refused with the same words", () => {
  const stories = new UserStories();
  stories.create("clerk-1");
  const [unknown, wrong] = ["nobody", "clerk-1"].map((account) =>
    stories.replyTo((request) => ({
      type: "signIn",
      request,
      account,
      check: { comparedWith: "first", isRight: false },
      token: "t",
      node: city,
    })),
  );
  assert.is(wrong?.kind, "refused");
  assert.equal(unknown, wrong);
});

signing(
  "five wrong passwords lock the account, for the right one too, until time has passed",
  () => {
    const stories = new UserStories();
    stories.join("clerk-1", "t0");
    assert.equal(guess(stories, "clerk-1", 5), Array(5).fill("SIGN_IN_REFUSED"));
    assert.is(stateOf(stories, "clerk-1"), "locked");
    assert.is(stories.signIn("clerk-1", "own", "t1"), "SIGN_IN_REFUSED");
    // Who is signed in already stays so: guessing must not throw anybody out.
    assert.equal(tokensOf(stories), ["t0"]);
    stories.mesh.advance(15 * minuteMs - 1);
    assert.is(stories.signIn("clerk-1", "own", "t1"), "SIGN_IN_REFUSED");
    stories.mesh.advance(1);
    assert.is(stateOf(stories, "clerk-1"), "active");
    assert.is(stories.signIn("clerk-1", "own", "t1"), "done");
  },
);

signing("a restart between wrong passwords forgets none of them, nor the lock", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t0");
  guess(stories, "clerk-1", 4);
  stories.restart();
  assert.is(stateOf(stories, "clerk-1"), "active");
  guess(stories, "clerk-1", 1);
  assert.is(stateOf(stories, "clerk-1"), "locked");
  stories.restart();
  assert.is(stories.signIn("clerk-1", "own", "t1"), "SIGN_IN_REFUSED");
});

signing("wrong passwords of long ago do not count, nor those before a right one", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t0");
  guess(stories, "clerk-1", 4);
  stories.mesh.advance(15 * minuteMs);
  guess(stories, "clerk-1", 4);
  assert.is(stories.signIn("clerk-1", "own", "t1"), "done");
  guess(stories, "clerk-1", 4);
  assert.is(stateOf(stories, "clerk-1"), "active");
});

signing("a change of password counts wrong ones like a sign-in", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t0");
  for (let time = 0; time < 5; time += 1) stories.changePassword("clerk-1", "wrong", "new");
  assert.is(stateOf(stories, "clerk-1"), "locked");
  assert.is(stories.changePassword("clerk-1", "own", "new"), "SIGN_IN_REFUSED");
});

signing("a password that was compared with an older hash neither signs in nor counts", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t0");
  for (let time = 0; time < 6; time += 1) {
    for (const isRight of [true, false]) {
      const answer = stories.ask((request) => ({
        type: "signIn",
        request,
        account: "clerk-1",
        check: { comparedWith: "first", isRight },
        token: "t1",
        node: city,
      }));
      assert.is(answer, "SIGN_IN_REFUSED");
    }
  }
  assert.is(stateOf(stories, "clerk-1"), "active");
});

signing("at one place too many the oldest sign-in gives way", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t-00");
  for (let place = 1; place <= limits.tokensPerUserMax; place += 1) {
    stories.mesh.advance(1_000);
    stories.signIn("clerk-1", "own", `t-${String(place).padStart(2, "0")}`);
  }
  assert.is(tokensOf(stories).length, limits.tokensPerUserMax);
  assert.is(tokensOf(stories)[0], "t-01");
});

const tokens = suite("sign-in tokens");

tokens("one that nobody shows ends after 12 hours, by a fact", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t1");
  stories.mesh.advance(12 * hourMs - 1);
  assert.equal(tokensOf(stories), ["t1"]);
  stories.mesh.advance(1);
  assert.equal(tokensOf(stories), []);
  assert.equal(stories.facts.at(-1)?.fact, { t: "tokenEnded", token: "t1", reason: "expired" });
});

tokens("one that is shown lives on, for seven days at most", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t1");
  let livedMs = 0;
  while (tokensOf(stories).length > 0 && livedMs < 30 * 24 * hourMs) {
    stories.mesh.advance(hourMs);
    livedMs += hourMs;
    stories.mesh.step(city, { type: "tokenUsed", token: "t1" });
  }
  assert.is(livedMs, 7 * 24 * hourMs);
});

tokens("uses close to each other are one fact", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t1");
  const before = stories.facts.length;
  for (let second = 0; second < 20 * 60; second += 1) {
    stories.mesh.nowMs += 1_000;
    stories.mesh.step(city, { type: "tokenUsed", token: "t1" });
  }
  assert.is(stories.facts.length - before, 2);
});

tokens("a changed role, another password, a lock and a sign-out end them", () => {
  const endings: Record<string, (stories: UserStories) => string> = {
    role: (stories) => update(stories, 1, { roles: ["clerk", "user"] }),
    password: (stories) => stories.changePassword("clerk-1", "own", "new"),
    reset: (stories) => reset(stories, "clerk-1"),
    disabled: (stories) => setState(stories, "clerk-1", "disabled"),
    locked: (stories) => setState(stories, "clerk-1", "locked"),
    "signed out": (stories) =>
      stories.ask((request) => ({ type: "signOut", request, token: "t1" })),
  };
  for (const [name, end] of Object.entries(endings)) {
    const stories = new UserStories();
    stories.join("clerk-1", "t1");
    stories.join("clerk-2", "t2");
    assert.is(end(stories), "done", name);
    assert.equal(tokensOf(stories), ["t2"], name);
  }
  const stories = new UserStories();
  stories.join("clerk-1", "t1");
  assert.is(update(stories, 1, { department: "water" }), "done");
  assert.equal(tokensOf(stories), ["t1"], "another department ends nothing");
});

function update(
  stories: UserStories,
  revision: number,
  changes: Partial<UserProfile>,
  actor = operator,
  account = "clerk-1",
): string {
  const profile = makeProfile(changes);
  return stories.ask((request) => ({
    type: "updateUser",
    request,
    actor,
    account,
    revision,
    profile,
  }));
}

function setState(
  stories: UserStories,
  account: string,
  state: UserState,
  actor = operator,
): string {
  return stories.ask((request) => ({ type: "setUserState", request, actor, account, state }));
}

function reset(stories: UserStories, account: string, actor = operator): string {
  return stories.ask((request) => ({
    type: "resetPassword",
    request,
    actor,
    account,
    passwordHash: "first",
  }));
}

const managing = suite("managing users");

managing("of two changes based on the same revision the second is refused", () => {
  const stories = new UserStories();
  stories.create("clerk-1");
  assert.is(stories.create("clerk-1"), "USER_EXISTS");
  assert.is(update(stories, 1, { department: "water" }), "done");
  assert.is(update(stories, 1, { department: "roads" }), "REVISION_CONFLICT");
  assert.is(stories.kernel.state.users.get("clerk-1")?.profile.department, "water");
  assert.is(update(stories, 2, { department: "roads" }), "done");
  assert.is(update(stories, 1, {}, operator, "clerk-9"), "USER_UNKNOWN");
});

managing("a reset ends a lock-out, but no lock that a person has set", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t0");
  guess(stories, "clerk-1", 5);
  assert.is(reset(stories, "clerk-1"), "done");
  assert.is(stateOf(stories, "clerk-1"), "active");
  assert.is(stories.signIn("clerk-1", "first", "t1"), "PASSWORD_CHANGE_NEEDED");
  setState(stories, "clerk-1", "locked");
  reset(stories, "clerk-1");
  stories.mesh.advance(24 * hourMs);
  assert.is(stateOf(stories, "clerk-1"), "locked");
  assert.is(setState(stories, "clerk-1", "active"), "done");
  assert.is(stateOf(stories, "clerk-1"), "active");
});

managing("an administrator gives what it has, and manages only whoever has no more", () => {
  const stories = new UserStories();
  const rights = [{ application: "test.app", rights: ["start"] }] as const;
  stories.join("boss", "t0", { roles: ["businessAdministrator"], area: "/c/370202", rights });
  const boss = { kind: "user", account: "boss" } as const;
  const area = "370202001";
  const make = (account: string, changes: Partial<UserProfile>): string =>
    stories.create(account, { area, rights, ...changes }, boss);
  assert.is(make("clerk-1", {}), "done");
  assert.is(make("boss-2", { roles: ["businessAdministrator"] }), "done");
  assert.is(make("x", { roles: ["systemAdministrator"] }), "NOT_ALLOWED");
  assert.is(make("x", { area: "370203" }), "NOT_ALLOWED");
  assert.is(make("x", { area: "" }), "NOT_ALLOWED");
  assert.is(make("x", { rights: [{ application: "*", rights: ["start"] }] }), "NOT_ALLOWED");
  const manage = [{ application: "test.app", rights: ["manage"] }] as const;
  assert.is(make("x", { rights: manage }), "NOT_ALLOWED");
  stories.create("auditor", { roles: ["auditAdministrator"], area, rights: [] });
  assert.is(reset(stories, "auditor", boss), "NOT_ALLOWED");
  assert.is(setState(stories, "auditor", "disabled", boss), "NOT_ALLOWED");
  assert.is(update(stories, 1, { area, rights }, boss, "auditor"), "NOT_ALLOWED");
  assert.is(update(stories, 1, { area, rights }, boss, "boss"), "NOT_ALLOWED");
  assert.is(reset(stories, "boss", boss), "NOT_ALLOWED");
  assert.is(setState(stories, "clerk-1", "disabled", boss), "done");
  assert.is(stories.kernel.state.users.has("x"), false);
});

managing("whoever is no administrator any more, or none yet, manages nobody", () => {
  const stories = new UserStories();
  stories.join("boss", "t0", { roles: ["businessAdministrator"] });
  stories.join("clerk-1", "t1");
  const boss = { kind: "user", account: "boss" } as const;
  assert.is(stories.create("a", {}, boss), "done");
  assert.is(stories.create("b", {}, { kind: "user", account: "clerk-1" }), "NOT_ALLOWED");
  assert.is(stories.create("b", {}, { kind: "user", account: "nobody" }), "NOT_ALLOWED");
  setState(stories, "boss", "disabled");
  assert.is(stories.create("b", {}, boss), "NOT_ALLOWED");
});

managing("a replay of the facts and the rows of a checkpoint both give the live state", () => {
  const stories = new UserStories();
  stories.join("clerk-1", "t1");
  stories.join("clerk-2", "t2");
  guess(stories, "clerk-2", 5);
  update(stories, 1, { roles: ["clerk", "user"] });
  stories.signIn("clerk-1", "own", "t3");
  stories.mesh.advance(hourMs);
  stories.mesh.step(city, { type: "tokenUsed", token: "t3" });
  stories.create("clerk-3");
  guess(stories, "clerk-3", 2);
  const live = stories.kernel.dump();
  assert.is(live.filter(({ table }) => table === "user").length, 3);
  assert.is(live.filter(({ table }) => table === "token").length, 2);
  const restored = stories.restored();
  assert.equal(restored.dump(), live);
  assert.is(restored.wakeAtMs(), expiryOf(stories, "t2"));
  stories.restart();
  assert.equal(stories.kernel.dump(), live);
});
