// Entry of the password process: answers one question after the other, and ends with its hub.

import { constants, setPriority } from "node:os";
import { hashPassword, isPasswordOf } from "./password-hash.ts";
import type { PasswordAnswer, PasswordQuestion } from "./password-process.ts";

// A flood of sign-ins must not take the processor from the hub's own loop.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
// A service manager or a terminal signals the whole group; the hub still drains then, and people
// sign in meanwhile. It ends us by closing the channel, and so does its own end.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("disconnect", () => process.exit());
const logN = Number(process.argv[2]);
process.on("message", ({ password, stored }: PasswordQuestion) => {
  const answer: PasswordAnswer =
    stored === undefined
      ? { hash: hashPassword(password, logN), isRight: false }
      : { hash: "", isRight: isPasswordOf(password, stored) };
  process.send?.(answer);
});
