// The wire contract: lint, compatibility with what was released, and the code made from it.
//
//   node scripts/proto.mjs check      lint, format, compatibility, and proto/gen is up to date
//   node scripts/proto.mjs generate   make proto/gen anew
//   node scripts/proto.mjs release    make the present contract the one to stay compatible with

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const buf = join(root, "node_modules", "@bufbuild", "buf", "bin", "buf");
const released = join("proto", "released", "v1.binpb");
const generated = join(root, "proto", "gen");
/** What the hub's reflection answers from, beside the code that is made from the same sources. */
const descriptorSet = "descriptor-set.binpb";

const commands = { check, generate, release };
const command = commands[process.argv[2]];
if (command === undefined) fail(`say one of: ${Object.keys(commands).join(", ")}`);
command();

function check() {
  runBuf("lint");
  runBuf("format", "--diff", "--exit-code");
  if (!existsSync(join(root, released))) fail(`${released} is missing: nothing to compare with`);
  checkCompatible();
  compareGenerated();
}

function generate() {
  runBuf("generate");
  buildDescriptorSet(generated);
}

/** Without comments and places: nobody reads them over the wire, and they are most of the bytes. */
function buildDescriptorSet(folder) {
  const output = join(folder, descriptorSet);
  runBuf("build", "--as-file-descriptor-set", "--exclude-source-info", "--output", output);
}

function checkCompatible() {
  runBuf("breaking", "--against", released);
}

/** What was released once binds every later release too. */
function release() {
  if (existsSync(join(root, released))) checkCompatible();
  mkdirSync(join(root, "proto", "released"), { recursive: true });
  runBuf("build", "--output", released);
}

/** Generates into an empty folder and compares it with the committed one, byte by byte. */
function compareGenerated() {
  const folder = mkdtempSync(join(tmpdir(), "cloudbrain-proto-"));
  try {
    const template = readFileSync(join(root, "buf.gen.yaml"), "utf8");
    const elsewhere = template.replace("out: proto/gen", `out: ${JSON.stringify(folder)}`);
    if (elsewhere === template) fail("buf.gen.yaml does not write to proto/gen");
    runBuf("generate", "--template", elsewhere);
    buildDescriptorSet(folder);
    const fresh = listFiles(folder);
    const kept = listFiles(generated);
    const stale = [...new Set([...fresh, ...kept])].filter(
      (name) =>
        !fresh.includes(name) ||
        !kept.includes(name) ||
        !readFileSync(join(folder, name)).equals(readFileSync(join(generated, name))),
    );
    if (stale.length > 0) {
      fail(`proto/gen is not what the sources say; run "npm run proto": ${stale.join(", ")}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function listFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

function runBuf(...args) {
  const options = { cwd: root, stdio: ["ignore", "inherit", "inherit"] };
  const { status } = spawnSync(process.execPath, [buf, ...args], options);
  if (status !== 0) {
    process.stderr.write(`proto: "buf ${args[0]}" failed\n`);
    process.exit(status ?? 1);
  }
}

function fail(reason) {
  process.stderr.write(`proto: ${reason}\n`);
  process.exit(1);
}
