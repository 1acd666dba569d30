// Steps: which one an event about users is for.

import type { Deciding } from "./deciding.ts";
import { stepChangePassword, stepSignIn, stepSignOut, stepTokenUsed } from "./step-sign-in.ts";
import {
  stepCreateUser,
  stepResetPassword,
  stepSetUserState,
  stepUpdateUser,
} from "./step-user.ts";
import type { UserEvent } from "./user-events.ts";

export function stepUserEvent(deciding: Deciding, event: UserEvent): void {
  switch (event.type) {
    case "createUser":
      stepCreateUser(deciding, event);
      return;
    case "updateUser":
      stepUpdateUser(deciding, event);
      return;
    case "setUserState":
      stepSetUserState(deciding, event);
      return;
    case "resetPassword":
      stepResetPassword(deciding, event);
      return;
    case "changePassword":
      stepChangePassword(deciding, event);
      return;
    case "signIn":
      stepSignIn(deciding, event);
      return;
    case "tokenUsed":
      stepTokenUsed(deciding, event);
      return;
    case "signOut":
      stepSignOut(deciding, event);
  }
}
