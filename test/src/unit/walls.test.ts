// Tries to break each wall of the layout, and expects the tool that guards it to refuse.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import * as assert from "uvu/assert";

import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the walls", { timeLimitMs: 60_000 });

const walledFolders = ["sdk/src/domain", "sdk/src/session", "sdk/src/kernel", "hub/src/kernel"];
const biome = join(repositoryRoot, "node_modules", "@biomejs", "biome", "bin", "biome");
const compiler = join(repositoryRoot, "node_modules", "typescript", "bin", "tsc");

interface Probe {
  readonly path: string;
  readonly text: string;
}

/** Lints texts as if they lay in the repository; answers with `path rule` for every refusal. */
function lintProbes(probes: readonly Probe[]): Set<string> {
  const folder = mkdtempSync(join(tmpdir(), "cloudbrain-walls-"));
  try {
    for (const name of ["biome.json", ".gitignore"]) {
      cpSync(join(repositoryRoot, name), join(folder, name));
    }
    for (const { path, text } of probes) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const args = [biome, "lint", "--reporter=github", "--max-diagnostics=none", "."];
    const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    const refusals = stdout.matchAll(/title=lint\/\w+\/(\w+),file=([^,]+),/g);
    return new Set(
      [...refusals].map(
        ([, rule = "", file = ""]) => `${relative(folder, resolve(folder, file))} ${rule}`,
      ),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type FolderImport = readonly [folder: string, specifier: string];

/** Those of the imports that the linter refuses, as `folder specifier`. */
function refusedImports(imports: readonly FolderImport[]): string[] {
  const probes = imports.map(([folder, specifier], index) => ({
    path: `${folder}/wall-probe-${index}.ts`,
    text: `import { probe } from "${specifier}";\nprobe();\n`,
  }));
  const refusals = lintProbes(probes);
  return imports
    .filter((_import, index) => refusals.has(`${probes[index]?.path} noRestrictedImports`))
    .map((folderImport) => folderImport.join(" "));
}

const forbiddenImports: readonly FolderImport[] = [
  ...walledFolders.flatMap((folder) =>
    ["node:fs", "level", "@cloudbrain/proto", "../store/index.ts", "../../package.json"].map(
      (specifier) => [folder, specifier] as const,
    ),
  ),
  ["sdk/src/domain", "../session/index.ts"],
  ["sdk/src/domain", "../kernel/index.ts"],
  ["sdk/src/session", "../kernel/index.ts"],
  ["hub/src/kernel", "../storage/history.ts"],
  ["hub/src/kernel", "@cloudbrain/sdk"],
  ["hub/src/kernel", "@cloudbrain/sdk/kernel"],
  ["hub/src/kernel", "@cloudbrain/sdk/store"],
  ["sdk/src/client", "@cloudbrain/hub"],
  ["sdk/src/client", "@cloudbrain/node-agent"],
  ["sdk/src/client", "level"],
  ["sdk/src/store", "@cloudbrain/test"],
  ["hub/src", "@cloudbrain/node-agent"],
  ["hub/src", "@cloudbrain/proto"],
  ["hub/src", "@cloudbrain/sdk/internal/store/level-store"],
  ["hub/src/api", "@cloudbrain/test/support/suite"],
  ["hub/src/api", "@cloudbrain/node-agent"],
  ["hub/src/links", "level"],
  ["hub/src/storage", "level"],
  ["hub/src/console", "../kernel/index.ts"],
  ["hub/src/console", "../storage/history.ts"],
  ["hub/src/console", "../links/hub-links.ts"],
  ["node-agent/src", "@cloudbrain/hub"],
  ["node-agent/src/cli", "@cloudbrain/hub/kernel"],
  ["node-agent/src/drivers", "level"],
  ["node-agent/src", "@cloudbrain/test"],
  ["node-agent/src", "@cloudbrain/demo"],
];

test("an import that the layout forbids is refused by the linter", () => {
  assert.equal(
    refusedImports(forbiddenImports),
    forbiddenImports.map((folderImport) => folderImport.join(" ")),
  );
});

test("a late import does not get round the linter", () => {
  const path = "sdk/src/domain/wall-probe.ts";
  const refusals = lintProbes([{ path, text: 'await import("node:fs");\n' }]);
  assert.equal([...refusals], [`${path} noRestrictedImports`]);
});

const allowedImports: readonly FolderImport[] = [
  ["sdk/src/domain", "./errors.ts"],
  ["sdk/src/session", "../domain/index.ts"],
  ["sdk/src/kernel", "../session/index.ts"],
  ["sdk/src/store", "level"],
  ["hub/src/kernel", "./state.ts"],
  ["hub/src/kernel", "@cloudbrain/sdk/domain"],
  ["hub/src/kernel", "@cloudbrain/sdk/session"],
  ["hub/src/api", "@cloudbrain/proto"],
  ["hub/src/console", "../api/views.ts"],
  ["node-agent/src", "@cloudbrain/sdk/client"],
  ["test/src/unit", "@cloudbrain/hub/kernel"],
];

test("an import that the layout allows is accepted", () => {
  assert.equal(refusedImports(allowedImports), []);
});

test("a clock or another global of the world is refused by the linter inside a wall", () => {
  const names = ["Date.now()", "performance", "process", "Buffer", "globalThis", "setTimeout"];
  const probesIn = (folder: string): Probe[] =>
    names.map((name, index) => ({
      path: `${folder}/wall-probe-${index}.ts`,
      text: `export const probe = ${name};\n`,
    }));
  const probes = walledFolders.flatMap(probesIn);
  const refusals = lintProbes([...probes, ...probesIn("hub/src")]);
  assert.equal(
    [...refusals].sort(),
    probes.map(({ path }) => `${path} noRestrictedGlobals`).sort(),
  );
});

const uncompilable: readonly (readonly [name: string, text: string])[] = [
  ["timer", "setTimeout(() => {}, 1);\n"],
  ["console", 'console.log("probe");\n'],
  ["process", "export const probe = process.env;\n"],
  ["buffer", "export const probe = Buffer.alloc(1);\n"],
  ["network", 'fetch("/");\n'],
  ["performance", "export const probe = performance.now();\n"],
  ["crypto", "export const probe = crypto.randomUUID();\n"],
  ["node-fs", 'import { readFileSync } from "node:fs";\nexport const probe = readFileSync;\n'],
  ["outside", 'import { probe } from "../outside/probe.ts";\nexport const copy = probe;\n'],
];

test("what is outside a wall does not compile inside it", () => {
  const folder = mkdtempSync(join(tmpdir(), "cloudbrain-walls-"));
  try {
    cpSync(join(repositoryRoot, "tsconfig.base.json"), join(folder, "tsconfig.base.json"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
    symlinkSync(join(repositoryRoot, "node_modules"), join(folder, "node_modules"));
    const accepted: string[] = [];
    for (const walled of walledFolders) accepted.push(...compileProbes(folder, walled));
    assert.equal(
      accepted,
      walledFolders.map((walled) => `${walled}/control`),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Compiles the probes with the configuration of a walled folder; answers with those accepted. */
function compileProbes(folder: string, walled: string): string[] {
  const inside = join(folder, walled);
  const outside = join(folder, dirname(walled), "outside");
  mkdirSync(inside, { recursive: true });
  mkdirSync(outside, { recursive: true });
  cpSync(join(repositoryRoot, walled, "tsconfig.json"), join(inside, "tsconfig.json"));
  writeFileSync(join(outside, "probe.ts"), "export const probe = 1;\n");
  const probes = [...uncompilable, ["control", "export const probe = 1;\n"] as const];
  for (const [name, text] of probes) writeFileSync(join(inside, `${name}.ts`), text);
  const args = [compiler, "-p", join(inside, "tsconfig.json"), "--pretty", "false"];
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  return probes
    .filter(([name]) => !stdout.includes(`${walled}/${name}.ts(`))
    .map(([name]) => `${walled}/${name}`);
}
