// `cloudbrain user`: the people of a hub (用户管理).

import type { Column, Output } from "@cloudbrain/sdk/cli";
import type { Client, UserFilter, UserInfo } from "@cloudbrain/sdk/client";
import { type UserRole, type UserState, userRoles, userStates } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { Bounds, CommandHost } from "./command-host.ts";
import { formatTime, toneOf } from "./formats.ts";
import { addExamples } from "./help.ts";
import { takeFirst } from "./lists.ts";
import { createTerminal, readPassword } from "./password-input.ts";
import type { TextKey } from "./texts-en.ts";
import { readChoice, readCount, refuseUsage } from "./usage.ts";
import {
  addProfileFlags,
  collect,
  draftOf,
  formatRights,
  type ProfileFlags,
  readRole,
} from "./user-flags.ts";

const usersDefault = 100;

interface PasswordFlags {
  readonly passwordFile?: string;
}

interface ListFlags extends UserFilter {
  readonly limit?: number;
}

type Work = (client: Client, output: Output, bounds: Bounds) => Promise<void>;

export function addUserCommands(user: Command, host: CommandHost): void {
  addExamples(
    user,
    "cloudbrain user add clerk-1 --name 测试员 --role clerk --group bureau:housing",
    "cloudbrain user ls --role clerk --area 370202",
    "cloudbrain user role clerk-1 clerk user",
  );
  addWriting(user, host);
  addReading(user, host);
  addStates(user, host);
}

function addWriting(user: Command, host: CommandHost): void {
  const { say } = host;
  const roles = userRoles.join(", ");
  const add = user.command("add").description(say("about.user.add"));
  addExamples(
    add,
    "cloudbrain user add clerk-1 --name 测试员 --department housing --area 370202 --role clerk",
    "cloudbrain user add user-1 --role user --right item.handling:start --password-file - < first",
  );
  addProfileFlags(add.argument("<account>", say("argument.account")), host)
    .option(
      "--role <role>",
      say("option.user.role", { roles }),
      collect((text) => readRole(say, "--role", text)),
    )
    .option("--password-file <file>", say("option.passwordFile"))
    .action((account: string, flags: ProfileFlags & PasswordFlags, command: Command) =>
      addUser(host, account, flags, command),
    );
  const set = user.command("set").description(say("about.user.set"));
  addExamples(set, "cloudbrain user set clerk-1 --department water --right item.handling:handle");
  addProfileFlags(set.argument("<account>", say("argument.account")), host).action(
    (account: string, flags: ProfileFlags, command: Command) => {
      if (Object.keys(flags).length === 0) refuseUsage(undefined, say("usage.nothingToSet"));
      return changeUser(host, account, flags, command);
    },
  );
  addExamples(user.command("role"), "cloudbrain user role clerk-1 clerk user")
    .description(say("about.user.role"))
    .argument("<account>", say("argument.account"))
    .argument(
      "<role...>",
      say("argument.roles", { roles }),
      collect((text) => readRole(say, "role", text)),
    )
    .action((account: string, role: readonly UserRole[], _flags: object, command: Command) =>
      changeUser(host, account, { role }, command),
    );
}

function addReading(user: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(user.command("ls"), "cloudbrain user ls --state locked --json | jq .users[].account")
    .description(say("about.user.ls"))
    .option("--department <name>", say("option.user.department"))
    .option("--role <role>", say("option.user.role", { roles: userRoles.join(", ") }), (text) =>
      readRole(say, "--role", text),
    )
    .option("--group <group>", say("option.user.group"))
    .option("--area <area>", say("option.user.area"))
    .option("--state <state>", say("option.user.state"), (text) =>
      readChoice(say, "--state", text, userStates),
    )
    .option("--limit <count>", say("option.limit", { default: usersDefault }), (text) =>
      readCount(say, "--limit", text),
    )
    .action(({ limit = usersDefault, ...filter }: ListFlags, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const found = await takeFirst(client.users.list(filter, { signal }), limit);
        output.table(userColumns(host), found.items, "users");
        if (found.hasMore) output.note(say("list.more"));
      }),
    );
  addAccountCommand(user, host, "show", "about.user.show", (account) => {
    return async (client, output, { signal }) => {
      const found = await client.users.get(account, { signal });
      output.result(found, describeUser(host, found));
    };
  });
}

function addStates(user: Command, host: CommandHost): void {
  const setState = (state: UserState, told: TextKey) => {
    return (account: string): Work =>
      async (client, output, { signal }) => {
        const changed = await client.users.setState(account, state, { signal });
        output.result(changed, host.say(told, { account }));
      };
  };
  addAccountCommand(
    user,
    host,
    "disable",
    "about.user.disable",
    setState("disabled", "user.disabled"),
  );
  addAccountCommand(user, host, "enable", "about.user.enable", setState("active", "user.enabled"));
  const { say } = host;
  addExamples(user.command("reset"), "cloudbrain user reset clerk-1")
    .description(say("about.user.reset"))
    .argument("<account>", say("argument.account"))
    .option("--password-file <file>", say("option.passwordFile"))
    .action((account: string, flags: PasswordFlags, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const password = await readFirstPassword(host, account, flags, signal);
        await client.users.resetPassword(account, password, { signal });
        output.result({ account }, say("user.reset", { account }));
      }),
    );
}

function addAccountCommand(
  user: Command,
  host: CommandHost,
  name: string,
  about: TextKey,
  work: (account: string) => Work,
): void {
  addExamples(user.command(name), `cloudbrain user ${name} clerk-1`)
    .description(host.say(about))
    .argument("<account>", host.say("argument.account"))
    .action((account: string, _flags: object, command: Command) =>
      host.withClient(command, work(account)),
    );
}

async function addUser(
  host: CommandHost,
  account: string,
  flags: ProfileFlags & PasswordFlags,
  command: Command,
): Promise<void> {
  const draft = draftOf(flags, { name: account, roles: ["user"] });
  await host.withClient(command, async (client, output, { signal }) => {
    const password = await readFirstPassword(host, account, flags, signal);
    const made = await client.users.create(account, draft, password, { signal });
    output.result(made, host.say("user.added", { account }));
  });
}

/** Somebody else's change in between is told as a conflict, never overwritten. */
async function changeUser(
  host: CommandHost,
  account: string,
  flags: ProfileFlags,
  command: Command,
): Promise<void> {
  await host.withClient(command, async (client, output, { signal }) => {
    const before = await client.users.get(account, { signal });
    const draft = draftOf(flags, before);
    const changed = await client.users.update(account, draft, before.etag, { signal });
    output.result(changed, host.say("user.changed", { account }));
  });
}

function readFirstPassword(
  { say }: CommandHost,
  account: string,
  { passwordFile: file }: PasswordFlags,
  signal: AbortSignal,
): Promise<string> {
  const prompt = say("prompt.first", { account });
  const source = { file, flag: "--password-file", prompt, isNew: true, signal };
  return readPassword(say, createTerminal(), source);
}

function userColumns({ say }: CommandHost): readonly Column<UserInfo>[] {
  return [
    { heading: say("column.account"), text: ({ account }) => account },
    { heading: say("column.name"), text: ({ name }) => name },
    { heading: say("column.roles"), text: ({ roles }) => roles.join(" ") },
    { heading: say("column.department"), text: ({ department }) => department },
    { heading: say("column.area"), text: ({ area }) => area },
    {
      heading: say("column.state"),
      text: ({ state }) => state,
      tone: ({ state }) => toneOf(state),
    },
  ];
}

/** Lines for people; what is empty is left out. */
export function describeUser({ say }: CommandHost, user: UserInfo): string {
  const fields: readonly (readonly [TextKey, string])[] = [
    ["column.account", user.account],
    ["column.name", user.name],
    ["column.state", user.state],
    ["field.lockedUntil", user.lockedUntilMs === 0 ? "" : formatTime(user.lockedUntilMs)],
    ["column.roles", user.roles.join(" ")],
    ["column.department", user.department],
    ["column.area", user.area],
    ["field.groups", user.groups.join(" ")],
    ["field.rights", formatRights(user.rights)],
    ["field.signedIn", formatTime(user.signedInAtMs)],
    ["field.changed", formatTime(user.changedAtMs)],
  ];
  return fields
    .filter(([, text]) => text !== "")
    .map(([key, text]) => `${say(key)}  ${text}`)
    .join("\n");
}
