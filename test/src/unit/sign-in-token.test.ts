import {
  createToken,
  createTokenCheck,
  hashToken,
} from "@cloudbrain/hub/internal/users/sign-in-token";
import { isMeshError } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import { city, makeProfile, UserStories } from "../support/user-stories.ts";

const test = suite("showing a sign-in token");
const hourMs = 3_600_000;

/** Who shows the token, by account, or the code of the refusal. */
function createCheck(stories: UserStories): (token: string) => string {
  const check = createTokenCheck({
    kernel: stories.kernel,
    now: () => stories.mesh.nowMs,
    used: (token) => void stories.mesh.step(city, { type: "tokenUsed", token }),
  });
  return (token) => {
    try {
      return check(token).account;
    } catch (error) {
      if (isMeshError(error)) return error.code;
      throw error;
    }
  };
}

test("tokens are long, differ, and are kept by their hash", () => {
  const [one, other] = [createToken(), createToken()];
  assert.match(one, /^[\w-]{43}$/);
  assert.is.not(one, other);
  const stories = new UserStories();
  stories.join("clerk-1", hashToken(one));
  const check = createCheck(stories);
  assert.equal(
    [check(one), check(other), check(hashToken(one))],
    ["clerk-1", "IDENTITY_UNTRUSTED", "IDENTITY_UNTRUSTED"],
  );
});

test("it ends to the millisecond, even when the timer that ends it is late", () => {
  const stories = new UserStories();
  const token = createToken();
  stories.join("clerk-1", hashToken(token));
  const check = createCheck(stories);
  // Time passes, and no tick comes.
  stories.mesh.nowMs += 12 * hourMs;
  assert.is(check(token), "IDENTITY_UNTRUSTED");
  stories.mesh.nowMs -= 1;
  assert.is(check(token), "clerk-1");
  stories.mesh.nowMs += 12 * hourMs - 1;
  assert.is(check(token), "clerk-1", "its use has moved its end");
});

test("who shows it is known as they are now, without what only the kernel may know", () => {
  const stories = new UserStories();
  const token = createToken();
  stories.join("clerk-1", hashToken(token));
  const check = createTokenCheck({
    kernel: stories.kernel,
    now: () => stories.mesh.nowMs,
    used: () => undefined,
  });
  const profile = makeProfile({ department: "water" });
  stories.ask((request) => ({
    type: "updateUser",
    request,
    actor: { kind: "operator", address: city },
    account: "clerk-1",
    revision: 1,
    profile,
  }));
  assert.equal(check(token), {
    account: "clerk-1",
    ...profile,
    token: hashToken(token),
    expiresAtMs: 1_000 + 12 * hourMs,
  });
});
