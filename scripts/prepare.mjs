// Makes a clone ready to run: installs what the lock names, then compiles what has changed.
//
//   P1  Uses nothing but Node.js, since nothing is installed yet.
//   P2  Prints to standard error only: what follows may print JSON to standard output.
//   P3  Does nothing that is done already; the lock's hash lies in node_modules.
//
// With `--install-only` it does not compile.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const lockFile = join(root, "package-lock.json");
// npm writes it at the end of every install.
const installedFile = join(root, "node_modules", ".package-lock.json");
const stampFile = join(root, "node_modules", ".cloudbrain-lock");

install();
if (!process.argv.includes("--install-only")) compile();

function install() {
  const hash = createHash("sha256").update(readFileSync(lockFile)).digest("hex");
  const stamp = existsSync(stampFile) ? readFileSync(stampFile, "utf8") : "";
  if (stamp === hash) return;
  if (!isInstalledByHand()) installAnew();
  writeFileSync(stampFile, hash);
}

/** Whether someone has run npm since the lock was last changed. */
function isInstalledByHand() {
  return existsSync(installedFile) && statSync(installedFile).mtimeMs >= statSync(lockFile).mtimeMs;
}

function installAnew() {
  process.stderr.write("prepare: installing packages ...\n");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  run(npm, ["ci", "--no-audit", "--no-fund"], "the packages could not be installed");
}

function compile() {
  const startedAtMs = performance.now();
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  run(process.execPath, [compiler, "-b"], "the sources do not compile");
  const tookMs = performance.now() - startedAtMs;
  // An incremental build of nothing takes well under this: only then was there work to report.
  if (tookMs > 1_000) process.stderr.write(`prepare: compiled in ${Math.round(tookMs)} ms\n`);
}

/** Runs a command whose output goes to our standard error; ends this process if it fails. */
function run(command, args, complaint) {
  const shell = process.platform === "win32";
  const stdio = ["ignore", 2, 2];
  const { status, error } = spawnSync(command, args, { cwd: root, stdio, shell });
  if (status === 0) return;
  process.stderr.write(`prepare: ${complaint}${error === undefined ? "" : `: ${error.message}`}\n`);
  process.exit(status ?? 1);
}
