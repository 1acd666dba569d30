// Options of the demo.

import { parseArgs } from "node:util";
import { MeshError } from "@cloudbrain/sdk/domain";

export interface DemoOptions {
  readonly divisions: string;
  readonly only: string;
  readonly rounds: number;
  readonly keep: boolean;
  readonly json: boolean;
  readonly language: "zh-CN" | "en";
  readonly help: boolean;
}

/** Refuses unknown or malformed flags with INPUT_INVALID: exit code 2. */
export function parseDemoOptions(
  argv: readonly string[],
  env: Record<string, string | undefined>,
  defaultFile: string,
): DemoOptions {
  let values: ReturnType<typeof readFlags>;
  try {
    values = readFlags(argv);
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError("INPUT_INVALID", { detail, cause });
  }
  const rounds = Number(values.rounds ?? "1");
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1_000) {
    throw new MeshError("INPUT_INVALID", {
      subject: "--rounds",
      detail: `"${values.rounds}" is not a whole number from 1 to 1000`,
    });
  }
  const only = values.only ?? "";
  if (!/^\d{0,12}$/.test(only)) {
    throw new MeshError("INPUT_INVALID", {
      subject: "--only",
      detail: `"${only}" is not the beginning of a division code (digits)`,
    });
  }
  return {
    divisions: values.divisions ?? defaultFile,
    only,
    rounds,
    keep: values.keep ?? false,
    json: values.json ?? false,
    language: chooseLanguage(values.lang, env),
    help: values.help ?? false,
  };
}

function readFlags(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: false,
    options: {
      divisions: { type: "string" },
      only: { type: "string" },
      rounds: { type: "string" },
      keep: { type: "boolean" },
      json: { type: "boolean" },
      lang: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  }).values;
}

function chooseLanguage(
  flag: string | undefined,
  env: Record<string, string | undefined>,
): "zh-CN" | "en" {
  if (flag !== undefined && flag !== "zh-CN" && flag !== "en") {
    throw new MeshError("INPUT_INVALID", {
      subject: "--lang",
      detail: `"${flag}" is not a language; write zh-CN or en`,
    });
  }
  const wish = flag ?? env["LC_ALL"] ?? env["LC_MESSAGES"] ?? env["LANG"] ?? "";
  return wish.startsWith("zh") ? "zh-CN" : "en";
}
