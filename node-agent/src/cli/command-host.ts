// Command host: what every command is given: how to print, what to say, whom to call.
//
//   K1  A client is opened for one command and closed with it.
//   K2  A signal ends what a command waits for; the command then ends with 130 or 143. A second
//       signal ends the process at once.

import {
  type Config,
  createOutput,
  exitCodes,
  type Language,
  type Output,
} from "@cloudbrain/sdk/cli";
import type { Client } from "@cloudbrain/sdk/client";
import { isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { SessionFile } from "./session-file.ts";
import { type Environment, loadSettings, type Settings, settingsFile } from "./settings.ts";
import { createSay, type Say } from "./texts.ts";
import { readDuration } from "./usage.ts";

/** Flags that every command takes. */
interface GlobalFlags {
  readonly hub?: string;
  readonly identity?: string;
  readonly json?: boolean;
  readonly lang?: string;
  readonly timeout?: string;
  readonly quiet?: boolean;
}

export interface Appearance {
  readonly lang: Language;
  readonly env: Environment;
  readonly isColoured: boolean;
}

export interface Bounds {
  /** Aborted by a signal of the system. */
  readonly signal: AbortSignal;
  /** What `--timeout` says; undefined where the flag was not given. */
  readonly timeoutMs: number | undefined;
}

export interface CommandHost {
  readonly say: Say;
  readonly env: Environment;
  readonly lang: Language;
  outputOf(command: Command): Output;
  settingsOf(command: Command): Config<Settings>;
  /** Runs `work` with a client of the hub that the settings name. */
  withClient(
    command: Command,
    work: (client: Client, output: Output, bounds: Bounds) => Promise<void>,
  ): Promise<void>;
}

export function createCommandHost({ lang, env, isColoured }: Appearance): CommandHost {
  const say = createSay(lang);
  const outputOf = (command: Command): Output => {
    const { json = false, quiet = false } = command.optsWithGlobals<GlobalFlags>();
    const debug = (env["CLOUDBRAIN_DEBUG"] ?? "") !== "";
    return createOutput({ json, quiet, lang, color: isColoured, debug });
  };
  const settingsOf = (command: Command): Config<Settings> => {
    const { hub, identity, timeout, lang: chosen } = command.optsWithGlobals<GlobalFlags>();
    return loadSettings(env, { hub, identity, timeout, lang: chosen }, lang);
  };
  return {
    say,
    env,
    lang,
    outputOf,
    settingsOf,
    withClient: async (command, work) => {
      const { timeout: flag } = command.optsWithGlobals<GlobalFlags>();
      const { value } = settingsOf(command);
      const { hub = "", identity, timeout = "10s" } = value;
      if (identity === undefined) {
        const detail = say("usage.identity", { file: settingsFile(env) });
        throw new MeshError("CONFIG_INVALID", { subject: "identity", detail });
      }
      // Loaded only now: gRPC takes a third of a second, and help must not wait for it.
      const { createClient } = await import("@cloudbrain/sdk/client");
      const token = new SessionFile(env, say).find(hub, Date.now())?.token;
      const timeLimitMs = readDuration("timeout", timeout);
      const client = createClient({ hub, identity, timeoutMs: timeLimitMs, token });
      const interruption = listenForInterruption();
      const timeoutMs = flag === undefined ? undefined : readDuration("--timeout", flag);
      try {
        await work(client, outputOf(command), { signal: interruption.signal, timeoutMs });
      } catch (error) {
        // Who has pressed Ctrl-C needs no explanation.
        if (!interruption.signal.aborted || !isMeshError(error)) throw error;
      } finally {
        interruption.close();
        client.close();
      }
    },
  };
}

interface Interruption {
  readonly signal: AbortSignal;
  close(): void;
}

function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const stop = (code: number) => (): void => {
    if (controller.signal.aborted) process.exit(code);
    process.exitCode = code;
    controller.abort();
  };
  const interrupted = stop(exitCodes.interrupted);
  const terminated = stop(exitCodes.terminated);
  process.on("SIGINT", interrupted);
  process.on("SIGTERM", terminated);
  return {
    signal: controller.signal,
    close: () => {
      process.off("SIGINT", interrupted);
      process.off("SIGTERM", terminated);
    },
  };
}
