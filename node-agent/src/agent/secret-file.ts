// Secret file: a secret never stands in a configuration, a variable or a command line, all of which
// others can read.

import { readFileSync } from "node:fs";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { Say } from "../cli/texts.ts";
import { driverLimits } from "../drivers/driver-limits.ts";
import type { NamedFile } from "./agent-config.ts";

/** Without white space around it. Refuses with CONFIG_INVALID, naming the place. */
export function readSecret({ path, place }: NamedFile, say: Say): string {
  const refuse = (why: string): never => {
    throw new MeshError("CONFIG_INVALID", { subject: path, detail: `${place}: ${path}: ${why}` });
  };
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    return refuse(say("secret.file", { why: (error as NodeJS.ErrnoException).code ?? "" }));
  }
  const least = driverLimits.secretCharsMin;
  return text.length < least ? refuse(say("secret.short", { least })) : text;
}
