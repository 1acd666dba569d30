// Version: the one of the package, read where npm has put it.

import { readFileSync } from "node:fs";

export function agentVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { readonly version: string };
  return version;
}
