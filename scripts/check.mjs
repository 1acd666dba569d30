// The truth about a change: every check of the project, cheapest first, stopped by the first
// that fails. The same command for a person and for a machine.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const tool = (...path) => join(root, "node_modules", ...path);

// Biome paints every letter on its own, which makes a log unreadable.
const colors = process.stdout.isTTY ? "force" : "off";

const steps = [
  ["format and lint", tool("@biomejs", "biome", "bin", "biome"), "ci", `--colors=${colors}`, "."],
  ["forgotten await", tool("oxlint", "bin", "oxlint"), "--type-aware", "--deny-warnings"],
  ["wire contract", join("scripts", "proto.mjs"), "check"],
  ["types and walls", tool("typescript", "bin", "tsc"), "-b"],
  ["dead code", tool("knip", "bin", "knip.js"), "--no-progress"],
  ["tests", join("test", "dist", "run.js")],
];

const startedAtMs = performance.now();
for (const [name, ...command] of steps) {
  const stepStartedAtMs = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const options = { cwd: root, stdio: ["ignore", "inherit", "inherit"] };
  const { status } = spawnSync(process.execPath, command, options);
  const took = `${name}: ${seconds(stepStartedAtMs)}`;
  if (status !== 0) {
    process.stderr.write(`\ncheck: FAILED at ${took}\n`);
    process.exit(1);
  }
  process.stderr.write(`== ${took}\n`);
}
process.stderr.write(`check: all green in ${seconds(startedAtMs)}\n`);

function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}
