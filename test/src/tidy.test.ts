import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";

import { repositoryRoot } from "./support/repository.ts";
import { suite } from "./support/suite.ts";
import { findUntidiness } from "./support/tidy-rules.ts";

const test = suite("the repository is tidy");

/** What others made, what the tools make, and what this machine alone has. */
const passedOver = new Set([".git", "coverage", "data", "dist", "gen", "node_modules", "tmp"]);
const textFile = /\.(?:ts|mjs|js|json|ya?ml|proto|md|css|html|svg|sh|csv)$|^\.[a-z]+rc$|^run$/;

function* listTextFiles(folder = ""): Generator<string> {
  for (const entry of readdirSync(join(repositoryRoot, folder), { withFileTypes: true })) {
    if (passedOver.has(entry.name)) continue;
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* listTextFiles(path);
    else if (textFile.test(entry.name)) yield path;
  }
}

test("every file keeps the rules", () => {
  const complaints: string[] = [];
  let files = 0;
  for (const path of listTextFiles()) {
    files += 1;
    const text = readFileSync(join(repositoryRoot, path), "utf8");
    complaints.push(...findUntidiness({ path, text }));
  }
  assert.ok(files > 50, `only ${files} files were found`);
  assert.equal(complaints, []);
});

interface LockEntry {
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly resolved?: string;
  readonly version?: string;
}

test("the lock holds every platform's packages, so that a clean install is accepted", () => {
  const lock = JSON.parse(readFileSync(join(repositoryRoot, "package-lock.json"), "utf8"));
  const packages = new Map<string, LockEntry>(Object.entries(lock.packages));
  const missing = [...packages.values()]
    .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
    .filter((name) => !packages.has(`node_modules/${name}`));
  const unversioned = [...packages.keys()].filter((path) => {
    const entry = packages.get(path);
    return entry?.link !== true && entry?.version === undefined;
  });
  assert.ok(packages.size > 100, `only ${packages.size} packages were found`);
  assert.equal([...missing, ...unversioned], []);
});

const untidy: readonly { path?: string; text: string; complaint: RegExp }[] = [
  { text: `${"// a\n".repeat(501)}`, complaint: /501 lines/ },
  { path: "hub/src/utils.ts", text: "", complaint: /says nothing/ },
  { path: "hub/src/types.test.ts", text: "", complaint: /says nothing/ },
  { path: "hub/src/LinkTable.ts", text: "", complaint: /kebab-case/ },
  { text: `let a: ${"any"};\n`, complaint: /says any/ },
  { text: `const a = b as ${"any"};\n`, complaint: /says any/ },
  { text: `const a = new Map<string, ${"any"}>();\n`, complaint: /says any/ },
  { text: `// @ts-${"ignore"}\n`, complaint: /silences/ },
  { text: `// TO${"DO"} later\n`, complaint: /leaves work/ },
  { text: `export ${"default"} 1;\n`, complaint: /default export/ },
  { text: `function ${"handle"}Frame() {}\n`, complaint: /verb/ },
  { text: `  async ${"process"}Frame() {\n`, complaint: /verb/ },
  { text: `const ${"ctx"} = 1;\n`, complaint: /abbreviates/ },
  { text: `const a = "http://${"registry"}.example";\n`, complaint: /registry/ },
  { text: `const a = "../${"shared"}/x";\n`, complaint: /one machine/ },
  { path: "README.md", text: `see .${"library"}\n`, complaint: /one machine/ },
  { path: "sdk/src/domain/a.ts", text: `Math.${"random"}();\n`, complaint: /dice/ },
  { text: `/// <${"reference"} lib="dom" />\n`, complaint: /library/ },
  { text: "\uFEFFa;\n", complaint: /byte order mark/ },
  { text: "a;", complaint: /newline/ },
  { text: "a;\r\n", complaint: /carriage/ },
  { text: `// ${"x".repeat(100)}\n`, complaint: /columns/ },
  { text: `a("${"x".repeat(120)}");\n`, complaint: /columns/ },
];

test("every rule is caught when it is broken", () => {
  const missed = untidy.filter(({ path = "hub/src/probe.ts", text, complaint }) => {
    const complaints = findUntidiness({ path, text });
    return complaints.length !== 1 || !complaint.test(complaints[0] ?? "");
  });
  assert.equal(missed, []);
});

test("tidy text is left alone", () => {
  const text = [
    "// Anything may be said of many things, and process.env may be read.",
    'import { readFile } from "node:fs/promises";',
    "export const doing = process.env;",
    "node.handle(definition, async () => {});",
    "",
  ].join("\n");
  assert.equal(findUntidiness({ path: "hub/src/probe.ts", text }), []);
});
