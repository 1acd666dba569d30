// `cloudbrain login`, `logout` and `whoami`: acting as a user at a hub.

import type { Client, SignIn } from "@cloudbrain/sdk/client";
import { isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { formatTime } from "./formats.ts";
import { addExamples } from "./help.ts";
import { createTerminal, readPassword, type Terminal } from "./password-input.ts";
import { SessionFile } from "./session-file.ts";
import { describeUser } from "./user-commands.ts";

interface LoginFlags {
  readonly passwordFile?: string;
  readonly newPasswordFile?: string;
}

export function addLoginCommand(login: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    login,
    "cloudbrain login clerk-1",
    "cloudbrain login clerk-1 --password-file present --new-password-file next",
  )
    .argument("<account>", say("argument.account"))
    .option("--password-file <file>", say("option.passwordFile"))
    .option("--new-password-file <file>", say("option.newPasswordFile"))
    .action((account: string, flags: LoginFlags, command: Command) =>
      signIn(host, account, flags, command),
    );
}

export function addLogoutCommand(logout: Command, host: CommandHost): void {
  addExamples(logout, "cloudbrain logout").action((_flags: object, command: Command) =>
    host.withClient(command, async (client, output, { signal }) => {
      const hub = hubOf(host, command);
      const file = new SessionFile(host.env, host.say);
      if (file.find(hub, Date.now()) === undefined) throw notSignedIn(host, hub);
      await endSignIn(client, signal);
      await file.put(hub, undefined, Date.now());
      output.result({ hub }, host.say("user.signedOut", { hub }));
    }),
  );
}

export function addWhoAmICommand(whoami: Command, host: CommandHost): void {
  addExamples(whoami, "cloudbrain whoami --json | jq -r .account").action(
    (_flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const hub = hubOf(host, command);
        const file = new SessionFile(host.env, host.say);
        if (file.find(hub, Date.now()) === undefined) throw notSignedIn(host, hub);
        const { user, expiresAtMs } = await client.users.whoAmI({ signal });
        const ends = `${host.say("field.expires")}  ${formatTime(expiresAtMs)}`;
        output.result({ ...user, expiresAtMs }, `${describeUser(host, user)}\n${ends}`);
      }),
  );
}

function hubOf(host: CommandHost, command: Command): string {
  return host.settingsOf(command).value.hub ?? "";
}

function notSignedIn({ say }: CommandHost, hub: string): MeshError {
  const detail = say("user.notSignedIn", { hub });
  return new MeshError("IDENTITY_UNTRUSTED", { subject: hub, detail });
}

async function signIn(
  host: CommandHost,
  account: string,
  flags: LoginFlags,
  command: Command,
): Promise<void> {
  await host.withClient(command, async (client, output, { signal }) => {
    const hub = hubOf(host, command);
    const file = new SessionFile(host.env, host.say);
    const before = file.find(hub, Date.now());
    const asking = { host, client, account, flags, signal, terminal: createTerminal() };
    const { token, endsAtMs, expiresAtMs, user } = await openSignIn(asking, (text) =>
      output.note(text),
    );
    // Nobody could show the token before us any more, but for whoever has stolen it.
    if (before !== undefined) await endSignIn(client, signal);
    await file.put(hub, { account, token, endsAtMs }, Date.now());
    const { name } = user;
    const time = formatTime(expiresAtMs);
    output.result(
      { hub, account, expiresAtMs, endsAtMs },
      host.say("user.signedIn", { account, name, hub, time }),
    );
  });
}

interface Asking {
  readonly host: CommandHost;
  readonly client: Client;
  readonly account: string;
  readonly flags: LoginFlags;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
}

/** Signs in, after a change of the password where one is asked for or needed. */
async function openSignIn(asking: Asking, note: (text: string) => void): Promise<SignIn> {
  const { account, client, flags, host, signal, terminal } = asking;
  const present = await readPassword(host.say, terminal, {
    file: flags.passwordFile,
    flag: "--password-file",
    prompt: host.say("prompt.password", { account }),
    isNew: false,
    signal,
  });
  if (flags.newPasswordFile === undefined) {
    try {
      return await client.users.signIn(account, present, { signal });
    } catch (error) {
      const isFirst = isMeshError(error) && error.code === "PASSWORD_CHANGE_NEEDED";
      if (!isFirst || !terminal.isThere) throw error;
      note(host.say("user.mustChange"));
    }
  }
  const next = await readPassword(host.say, terminal, {
    file: flags.newPasswordFile,
    flag: "--new-password-file",
    prompt: host.say("prompt.new"),
    isNew: true,
    signal,
  });
  await client.users.changePassword(account, { present, next }, { signal });
  return await client.users.signIn(account, next, { signal });
}

/** One that has ended already is what was asked for. */
async function endSignIn(client: Client, signal: AbortSignal): Promise<void> {
  try {
    await client.users.signOut({ signal });
  } catch (error) {
    if (!isMeshError(error) || error.code !== "IDENTITY_UNTRUSTED") throw error;
  }
}
