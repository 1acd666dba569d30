// Settings: what every command that calls a hub needs, out of flags, environment and the file of
// the user.
//
// A bad flag is a mistake of usage and refused when it is read; what is wrong in a variable or in
// the file is CONFIG_INVALID, with its place.

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { type Config, type Language, loadConfig, parseDuration } from "@cloudbrain/sdk/cli";
import { z } from "zod";
import { createSay, type Say } from "./texts.ts";

export const targetPattern = /^(?:[^\s:]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;

function createSchema(say: Say) {
  return z.strictObject({
    hub: z.string().regex(targetPattern, say("write.target")).optional(),
    identity: z.string().min(1).optional(),
    lang: z
      .string()
      .regex(/^(?:zh|en)(?:[-_]\w+)?$/i, say("write.lang"))
      .optional(),
    timeout: z
      .string()
      .superRefine((text, context) => {
        const read = parseDuration(text);
        if (typeof read === "string") context.addIssue({ code: "custom", message: read });
      })
      .optional(),
  });
}

export type Settings = z.infer<ReturnType<typeof createSchema>>;
export type Environment = Readonly<Record<string, string | undefined>>;

const settingsDefaults: Settings = { hub: "127.0.0.1:7443", timeout: "10s" };

/** `$XDG_CONFIG_HOME/cloudbrain/config.yaml`; a relative XDG_CONFIG_HOME counts as none. */
export function settingsFile(env: Environment): string {
  const given = env["XDG_CONFIG_HOME"] ?? "";
  const directory = isAbsolute(given) ? given : join(env["HOME"] ?? homedir(), ".config");
  return join(directory, "cloudbrain", "config.yaml");
}

export function loadSettings(
  env: Environment,
  flags: Readonly<Record<string, unknown>>,
  lang: Language = "en",
): Config<Settings> {
  return loadConfig({
    file: settingsFile(env),
    fileOptional: true,
    schema: createSchema(createSay(lang)),
    lang,
    env,
    flags,
    defaults: settingsDefaults,
  });
}
