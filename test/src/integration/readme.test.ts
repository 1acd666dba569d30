// What the READMEs tell a reader to type is typed here, in a directory of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the READMEs", { timeLimitMs: 60_000 });

interface Block {
  readonly language: string;
  readonly text: string;
}

function readBlocks(file: string): readonly Block[] {
  const text = readFileSync(join(repositoryRoot, file), "utf8");
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
  }));
}

function blockWith(file: string, words: string): string {
  const found = readBlocks(file).find(({ text }) => text.includes(words));
  if (found === undefined) throw new Error(`${file} has no block with "${words}"`);
  return found.text;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

/** A directory like a checkout of its own, in which the README's commands run. */
class Reader {
  readonly directory = mkdtempSync(join(tmpdir(), "cloudbrain-readme-"));
  readonly port: number;
  private readonly running: ChildProcess[] = [];

  constructor(port: number) {
    this.port = port;
    symlinkSync(join(repositoryRoot, "node_modules"), join(this.directory, "node_modules"));
    symlinkSync(join(repositoryRoot, "docs"), join(this.directory, "docs"));
  }

  /** The same commands, with a port that is free and the command of this checkout. */
  private adapt(script: string): string {
    return script
      .replaceAll("npx cloudbrain", "node_modules/.bin/cloudbrain")
      .replaceAll("7443", String(this.port));
  }

  start(script: string): ChildProcess {
    const child = spawn("bash", ["-euo", "pipefail", "-c", this.adapt(script)], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], HOME: this.directory, LANG: "C.UTF-8" },
      detached: true,
    });
    this.running.push(child);
    return child;
  }

  async run(script: string): Promise<string> {
    const child = this.start(script);
    let output = "";
    child.stdout?.on("data", (bytes: Buffer) => {
      output += bytes.toString();
    });
    child.stderr?.on("data", (bytes: Buffer) => {
      output += bytes.toString();
    });
    const [code] = (await once(child, "close")) as [number | null];
    assert.is(code, 0, `${script}\n${output}`);
    return output;
  }

  /** Resolves when the process has printed this. */
  async until(child: ChildProcess, words: string): Promise<void> {
    let seen = "";
    await new Promise<void>((resolve, reject) => {
      const listen = (bytes: Buffer): void => {
        seen += bytes.toString();
        if (seen.includes(words)) resolve();
      };
      child.stdout?.on("data", listen);
      child.stderr?.on("data", listen);
      child.once("close", () => reject(new Error(`it ended before "${words}": ${seen}`)));
    });
  }

  async close(): Promise<void> {
    for (const child of this.running.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const ended = once(child, "close");
      // The shell and what it started: a group of its own.
      process.kill(-child.pid, "SIGTERM");
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

for (const file of ["README.md", "README.zh-CN.md"]) {
  test(`${file}: a hub, an identity, a vendor's node and the commands work as written`, async () => {
    const reader = new Reader(await freePort());
    try {
      const [init = "", run = ""] = blockWith(file, "hub init").trim().split("\n");
      await reader.run(init);
      await reader.until(reader.start(run), "/3702");
      const [issue = "", variables = ""] = blockWith(file, "pki issue").trim().split("\n");
      await reader.run(issue);
      mkdirSync(join(reader.directory, "drainage"), { recursive: true });
      writeFileSync(
        join(reader.directory, "node.mjs"),
        `${blockWith(file, "createNode")}\nconsole.log("online:", node.state);\n`,
      );
      const node = reader.start(`${variables}\nexec node node.mjs --init`);
      await reader.until(node, "online: online");
      const output = await reader.run(blockWith(file, "app publish"));
      assert.match(output, /emergency\.typhoon\.drill/);
      assert.match(output, /i-drainage/);
    } finally {
      await reader.close();
    }
  });

  test(`${file}: every npm script that it names exists`, () => {
    const manifest = JSON.parse(readFileSync(join(repositoryRoot, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const text = readFileSync(join(repositoryRoot, file), "utf8");
    const named = [...text.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] ?? "");
    assert.ok(named.length > 3);
    assert.equal(
      named.filter((name) => manifest.scripts[name] === undefined),
      [],
    );
  });

  test(`${file}: every file that it links to is there`, () => {
    const text = readFileSync(join(repositoryRoot, file), "utf8");
    for (const [, target = ""] of text.matchAll(/\]\(([^)#]+)\)/g)) {
      if (target.startsWith("https:")) continue;
      assert.ok(existsSync(join(repositoryRoot, target)), target);
    }
  });
}
