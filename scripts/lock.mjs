// Makes package-lock.json anew, in an empty folder.
//
// A registry may hold the packages of its own platform only. npm then leaves the others out of the
// lock, and `npm ci` refuses such a lock. They are written in by their names here: an entry for
// another platform is never fetched, and one for this platform is checked by its version. So a
// change of a dependency goes into a package.json, then `npm run lock`, then `npm ci`.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const processors = ["arm", "arm64", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "x64"];
const libraries = { musl: "musl", gnu: "glibc" };

const folder = mkdtempSync(join(tmpdir(), "cloudbrain-lock-"));
try {
  const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const manifests = workspaces.map((workspace) => join(workspace, "package.json"));
  for (const file of [".npmrc", "package.json", ...manifests]) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  const { status } = spawnSync("npm", ["install", "--package-lock-only"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
  const lock = JSON.parse(readFileSync(join(folder, "package-lock.json"), "utf8"));
  lock.packages = withOtherPlatforms(lock.packages);
  writeFileSync(join(root, "package-lock.json"), `${JSON.stringify(lock, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The lock's packages, and an entry for every optional dependency that has none. */
function withOtherPlatforms(packages) {
  const whole = { ...packages };
  for (const entry of Object.values(packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const path = `node_modules/${name}`;
      if (whole[path] !== undefined) continue;
      const words = name.split(/[-/]/).map((word) => (word === "armv7" ? "arm" : word));
      const library = Object.entries(libraries).find(([word]) => name.includes(word))?.[1];
      whole[path] = {
        version: range.replace(/^[\^~=]+/, ""),
        cpu: words.filter((word) => processors.includes(word)),
        ...(entry.dev === true && { dev: true }),
        ...(library !== undefined && words.includes("linux") && { libc: [library] }),
        optional: true,
        os: words.filter((word) => systems.includes(word)),
      };
      if (whole[path].cpu.length + whole[path].os.length === 0) delete whole[path];
    }
  }
  return Object.fromEntries(Object.entries(whole).sort(([a], [b]) => (a < b ? -1 : 1)));
}
