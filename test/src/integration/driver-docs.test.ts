// What docs/agent-drivers.md and the examples beside it tell a vendor to copy is run here.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadAgents } from "@cloudbrain/node-agent";
import { createSay } from "@cloudbrain/node-agent/internal/cli/texts";
import { createDrivers } from "@cloudbrain/node-agent/internal/drivers/create-drivers";
import { meaningOf } from "@cloudbrain/node-agent/internal/drivers/grpc-outcome";
import { readHttpAnswer } from "@cloudbrain/node-agent/internal/drivers/http-answer";
import { signWebhook } from "@cloudbrain/node-agent/internal/drivers/webhook-signature";
import { status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { freePort, secret } from "../support/agent-files.ts";
import { DriverRig } from "../support/driver-rig.ts";
import { repositoryRoot } from "../support/repository.ts";
import { suite } from "../support/suite.ts";

const test = suite("the documents of the drivers", { timeLimitMs: 60_000 });

const examples = join(repositoryRoot, "docs", "examples", "drivers");
const capability = "drainage.clear/v1";
const directory = mkdtempSync(join(tmpdir(), "cloudbrain-driver-docs-"));
const hasPython = spawnSync("python3", ["--version"]).status === 0;
const noPython = "there is no python3 on this machine";

test.after(() => rmSync(directory, { recursive: true }));

function textOf(file: string): string {
  return readFileSync(join(repositoryRoot, "docs", file), "utf8");
}

function blocksOf(file: string, language: string): readonly string[] {
  const blocks = textOf(file).matchAll(
    new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, "gm"),
  );
  return [...blocks].map((match) => match[1] ?? "");
}

const request = {
  timestamp: "1767225600",
  event: "instruction",
  key: "01M8.clear.1",
  body: '{"n":"一"}',
};
const headers = {
  "cloudbrain-timestamp": request.timestamp,
  "cloudbrain-event": request.event,
  "idempotency-key": request.key,
  "cloudbrain-signature": signWebhook(secret, request),
};
const nowSeconds = Number(request.timestamp) + 10;

for (const file of ["agent-drivers.md", "agent-drivers.zh-CN.md"]) {
  test(`${file}: every configuration is one`, () => {
    const yaml = blocksOf(file, "yaml");
    assert.is(yaml.length, 3);
    for (const [index, block] of yaml.entries()) {
      const path = join(directory, `agent-${index}.yaml`);
      writeFileSync(path, block);
      assert.is(loadAgents(path, {}, {}).agents[0]?.drivers.length, 1);
    }
  });

  test(`${file}: what a status means is what the drivers make of it`, () => {
    const rows = [...textOf(file).matchAll(/^\| ([\w, ]+?) +\| `([a-z]\w+)` +\|/gm)];
    const told = new Map<string, string>();
    for (const [, names = "", meaning = ""] of rows) {
      for (const name of names.split(", ")) told.set(name, meaning);
    }
    let compared = 0;
    for (const [name, meaning] of told) {
      if (/^\d/.test(name)) {
        const code = Number(name.replace("xx", "03"));
        const body = new TextEncoder().encode("{}");
        assert.is(readHttpAnswer({ status: code, headers: {}, body }, 0).kind, meaning, name);
      } else if (name in status) {
        const code = status[name as Exclude<keyof typeof status, "OK">];
        assert.is(meaningOf(code), meaning, name);
      } else continue;
      compared += 1;
    }
    // 17 rows of HTTP and every gRPC status but OK.
    assert.is(compared, 33);
  });

  test(`${file}: the JavaScript that verifies a signature does`, async () => {
    const [source = "", later = ""] = blocksOf(file, "js");
    const path = join(directory, `${file}.mjs`);
    writeFileSync(path, source);
    const module = (await import(pathToFileURL(path).href)) as {
      readonly isGenuine: (...given: readonly unknown[]) => boolean;
    };
    assert.ok(module.isGenuine(headers, request.body, secret, nowSeconds));
    assert.not(module.isGenuine(headers, request.body, `${secret}!`, nowSeconds));
    assert.not(module.isGenuine(headers, `${request.body} `, secret, nowSeconds));
    assert.not(module.isGenuine(headers, request.body, secret, nowSeconds + 1_000));
    const called = await runLater(later);
    assert.equal(called, ["later", "closed k: gone", "answered id: succeeded"]);
  });

  if (!hasPython) test.skip(noPython, `${file}: the Python that verifies a signature does`);
  else {
    test(`${file}: the Python that verifies a signature does`, () => {
      const [source = ""] = blocksOf(file, "python");
      const given = JSON.stringify({ headers, body: request.body, secret, now: nowSeconds });
      const checks = `
import json, sys
given = json.loads(sys.stdin.read())
body, secret, now = given["body"].encode(), given["secret"].encode(), given["now"]
print(is_genuine(given["headers"], body, secret, now), is_genuine(given["headers"], body + b" ", secret, now),
      is_genuine(given["headers"], body, secret, now + 1000))
`;
      const { stdout, stderr } = spawnSync("python3", ["-c", `${source}${checks}`], {
        input: given,
      });
      assert.is(stdout.toString(), "True False False\n", stderr.toString());
    });
  }
}

/** Runs the example of `context.later()` and tells what it called. */
async function runLater(source: string): Promise<readonly string[]> {
  const called: string[] = [];
  const context = { later: () => called.push("later") };
  const node = {
    handle: (
      _name: string,
      run: (input: unknown, given: typeof context) => unknown,
      options: { readonly withdrawn: (told: object) => unknown },
    ) => {
      run({}, context);
      options.withdrawn({ idempotencyKey: "k", reason: "gone" });
    },
    deferred: {
      answer: async (id: string, { outcome }: { readonly outcome: string }) =>
        called.push(`answered ${id}: ${outcome}`),
    },
  };
  const orders = {
    close: (key: string, reason: string) => called.push(`closed ${key}: ${reason}`),
  };
  const run = new Function("node", "orders", "id", `return (async () => {${source}})();`);
  await run(node, orders, "id");
  return called;
}

test("the two documents show the same code", () => {
  for (const language of ["yaml", "json", "js", "python"]) {
    const english = blocksOf("agent-drivers.md", language);
    assert.ok(english.length > 0);
    assert.equal(blocksOf("agent-drivers.zh-CN.md", language), english);
  }
});

test("the example's drivers can be made", () => {
  const { agents } = loadAgents(join(examples, "agent.yaml"), {}, {});
  const drivers = createDrivers(agents[0]?.drivers ?? [], {
    agent: "/3702/i-drainage",
    secret,
    hasApi: true,
    log: () => undefined,
    say: createSay("en"),
  });
  for (const driver of drivers) driver.close();
  assert.equal(
    drivers.map(({ kind }) => kind),
    ["http", "grpc", "inbox"],
  );
});

async function runExample(command: string, name: string): Promise<void> {
  const rig = await DriverRig.open();
  const port = await freePort();
  let system: ChildProcess | undefined;
  try {
    copyFileSync(join(examples, name), join(rig.directory, name));
    system = spawn(command, [name], {
      cwd: rig.directory,
      env: { PATH: process.env["PATH"], PORT: String(port), AGENT: rig.apiOrigin },
      stdio: ["ignore", "pipe", "ignore"],
    });
    if (system.stdout !== null) await once(system.stdout, "data");
    const { fields } = loadAgents(join(examples, "agent.yaml"), {}, {}).agents[0]?.drivers[0] ?? {};
    const entry = JSON.stringify({ ...fields, grpc: undefined, inbox: undefined });
    rig.configure(`  - ${entry.replace(":8080/", `:${port}/`)}\n`);
    await rig.publish(capability);
    await rig.startAgent();
    const { output, reason } = await rig.ended(await rig.submit(capability, { site: "中山路" }));
    assert.equal(output, { result: { done: true, site: "中山路" } }, reason);
    const stranger = await fetch(`http://127.0.0.1:${port}/instructions`, {
      method: "POST",
      headers: { ...headers, connection: "close" },
      body: request.body,
    });
    assert.is(stranger.status, 401);
  } finally {
    await rig.close();
    await endOf(system);
  }
}

async function endOf(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGTERM");
  await closed;
}

test("the system in Node.js works beside an agent as written", async () => {
  await runExample(process.execPath, "business-system.mjs");
});

if (!hasPython) test.skip(noPython, "the system in Python works beside an agent as written");
else {
  test("the system in Python works beside an agent as written", async () => {
    await runExample("python3", "business_system.py");
  });
}
