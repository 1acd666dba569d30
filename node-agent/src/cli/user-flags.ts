// User flags: the words of `cloudbrain user` that say what a user is and may do.

import type { UserDraft, UserInfo } from "@cloudbrain/sdk/client";
import {
  type ApplicationRight,
  applicationRights,
  type RightsGrant,
  type UserRole,
  userRoles,
} from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import type { Say } from "./texts.ts";
import { readChoice, refuseUsage } from "./usage.ts";

export interface ProfileFlags {
  readonly name?: string;
  readonly department?: string;
  readonly area?: string;
  readonly role?: readonly UserRole[];
  readonly group?: readonly string[];
  readonly right?: readonly (RightsGrant | undefined)[];
}

export function readRole(say: Say, flag: string, text: string): UserRole {
  return readChoice(say, flag, text, userRoles);
}

/** Adds the flags of a profile but for `--role`, which ends sign-ins and has its own command. */
export function addProfileFlags(command: Command, { say }: CommandHost): Command {
  const rights = applicationRights.join(", ");
  return command
    .option("--name <name>", say("option.user.name"))
    .option("--department <name>", say("option.user.department"))
    .option("--area <area>", say("option.user.area"))
    .option(
      "--group <group>",
      say("option.user.group"),
      collect((text) => text),
    )
    .option(
      "--right <right>",
      say("option.user.right", { rights }),
      collect((text) => readRight(say, text)),
    );
}

/** Gathers the values of a flag that is repeated. */
export function collect<Value>(
  read: (text: string) => Value,
): (text: string, before: readonly Value[] | undefined) => readonly Value[] {
  return (text, before = []) => [...before, read(text)];
}

/** `APPLICATION:RIGHT[,RIGHT]`; undefined for an empty word, which stands for none. */
function readRight(say: Say, text: string): RightsGrant | undefined {
  if (text === "") return undefined;
  const cut = text.lastIndexOf(":");
  const words = text.slice(cut + 1).split(",");
  const rights = words.filter((word): word is ApplicationRight =>
    applicationRights.some((right) => right === word),
  );
  if (cut > 0 && rights.length === words.length) {
    return { application: text.slice(0, cut), rights };
  }
  const choices = applicationRights.join(", ");
  return refuseUsage("--right", say("usage.right", { value: text, rights: choices }));
}

/** What the flags say, over what the user has been so far. */
export function draftOf(flags: ProfileFlags, before: UserDraft): UserDraft {
  const { area, department, group, name, right, role } = flags;
  return {
    name: name ?? before.name,
    department: department ?? before.department ?? "",
    area: area ?? before.area ?? "",
    roles: role ?? before.roles,
    groups: group?.filter((word) => word !== "") ?? before.groups ?? [],
    rights: right?.filter((grant) => grant !== undefined) ?? before.rights ?? [],
  };
}

export function formatRights(rights: UserInfo["rights"]): string {
  return rights.map((grant) => `${grant.application}:${grant.rights.join(",")}`).join(" ");
}
