// `cloudbrain chain`: instruction chains (协同指令链).

import { chainStates, exitCodes, isEndedState, type Output } from "@cloudbrain/sdk/cli";
import type { ChainSnapshot, ChainState, Client } from "@cloudbrain/sdk/client";
import { isMeshError, MeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { addOperatorCommands } from "./chain-control-commands.ts";
import { chainColumns, describeChain, describeChanges, formatProgress } from "./chain-views.ts";
import type { Bounds, CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { takeFirst } from "./lists.ts";
import { readChoice, readCount, readJsonInput } from "./usage.ts";

const chainsDefault = 50;
const terminalColumnsDefault = 80;

interface StartFlags {
  readonly input?: string;
  readonly key?: string;
  readonly version?: string;
  readonly wait?: boolean;
}

interface ListFlags {
  readonly state?: ChainState;
  readonly app?: string;
  readonly limit?: number;
}

export function addChainCommands(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    chain,
    "cloudbrain chain start emergency.typhoon.drill --input @drill.json --wait",
    "cloudbrain chain ls --state suspended",
    "cloudbrain chain watch 01KAQ3ZC9W0XJ5T1RK8V2M4N6P",
  );
  addStart(chain, host);
  addExamples(chain.command("ls"), "cloudbrain chain ls --state running --app item.handling")
    .description(say("about.chain.ls"))
    .option("--state <state>", say("option.chain.state"), (text) =>
      readChoice(say, "--state", text, chainStates),
    )
    .option("--app <id>", say("option.application"))
    .option("--limit <count>", say("option.limit", { default: chainsDefault }), (text) =>
      readCount(say, "--limit", text),
    )
    .action((flags: ListFlags, command: Command) => listChains(host, flags, command));
  addExamples(chain.command("show"), "cloudbrain chain show 01KAQ3ZC9W0XJ5T1RK8V2M4N6P --json")
    .description(say("about.chain.show"))
    .argument("<chain>", say("argument.chain"))
    .action((id: string, _flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const found = await client.getChain(id, { signal });
        output.result(found, describeChain(found, say, output, Date.now()));
      }),
    );
  addExamples(chain.command("watch"), "cloudbrain chain watch 01KAQ3ZC9W0XJ5T1RK8V2M4N6P --json")
    .description(say("about.chain.watch"))
    .argument("<chain>", say("argument.chain"))
    .action((id: string, _flags: object, command: Command) =>
      host.withClient(command, (client, output, bounds) =>
        watchChain(id, { client, output, bounds }),
      ),
    );
  addControl(chain, host);
}

function addStart(chain: Command, host: CommandHost): void {
  const { say } = host;
  const start = chain.command("start").description(say("about.chain.start"));
  addExamples(
    start,
    `cloudbrain chain start item.handling --input '{"text":"路面积水"}' --key 12345-2026-0001`,
    "cloudbrain chain start emergency.typhoon.drill --input @drill.json --wait --json",
  )
    .argument("<app>", say("argument.app"))
    .option("--input <json>", say("option.input"))
    .option("--key <key>", say("option.key"))
    .option("--version <version>", say("option.version"))
    .option("--wait", say("option.wait"))
    .action((app: string, flags: StartFlags, command: Command) =>
      startChain(host, app, flags, command),
    );
}

function addControl(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(chain.command("cancel"), "cloudbrain chain cancel 01KAQ3ZC9W0X --reason 误报")
    .description(say("about.chain.cancel"))
    .argument("<chain>", say("argument.chain"))
    .option("--reason <text>", say("option.reason"))
    .action((id: string, flags: { readonly reason?: string }, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        await client.cancelChain(id, flags.reason ?? "", { signal });
        const told = say("chain.cancelling", { chain: id });
        output.result({ chain: id, state: "cancelling" }, told);
      }),
    );
  addOperatorCommands(chain, host);
}

async function listChains(host: CommandHost, flags: ListFlags, command: Command): Promise<void> {
  await host.withClient(command, async (client, output, { signal }) => {
    const { limit = chainsDefault, state, app: application } = flags;
    const found = await takeFirst(client.listChains({ state, application }, { signal }), limit);
    output.table(chainColumns(host.say, Date.now()), found.items, "chains");
    if (found.hasMore) output.note(host.say("list.more"));
  });
}

async function startChain(
  host: CommandHost,
  app: string,
  flags: StartFlags,
  command: Command,
): Promise<void> {
  const { say } = host;
  const input = readJsonInput(say, "--input", flags.input ?? "{}");
  await host.withClient(command, async (client, output, bounds) => {
    const { key, version } = flags;
    const submitted = await client.submit(app, input, { key, version, signal: bounds.signal });
    const { chain, existed } = submitted;
    const told = say(existed ? "chain.existed" : "chain.submitted", { chain });
    if (flags.wait !== true) {
      output.result(submitted, told);
      return;
    }
    output.note(told);
    try {
      const ended = await awaitChain(chain, { client, output, bounds });
      output.result(ended, describeChain(ended, say, output, Date.now()));
      if (ended.state === "suspended") output.note(say("chain.suspended", { chain }));
      if (ended.state !== "succeeded") process.exitCode = exitCodes.chainFailed;
    } catch (error) {
      output.progress("");
      if (isMeshError(error)) output.note(say("chain.goesOn", { chain }));
      throw error;
    }
  });
}

interface Following {
  readonly client: Client;
  readonly output: Output;
  readonly bounds: Bounds;
}

/** The last snapshot: the chain has ended, or it waits for a person. */
async function awaitChain(
  chain: string,
  { client, output, bounds }: Following,
): Promise<ChainSnapshot> {
  for await (const snapshot of client.watch(chain, { signal: boundedSignal(bounds) })) {
    if (isEndedState(snapshot.state) || snapshot.state === "suspended") {
      output.progress("");
      return snapshot;
    }
    const columns = process.stderr.columns ?? terminalColumnsDefault;
    output.progress(formatProgress(snapshot, Date.now(), columns));
  }
  throw new MeshError("UNREACHABLE", { subject: chain, detail: "the watch ended too early" });
}

/** `--timeout`, where it is given, bounds the whole wait. */
function boundedSignal({ signal, timeoutMs }: Bounds): AbortSignal {
  if (timeoutMs === undefined) return signal;
  return AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
}

async function watchChain(chain: string, { client, output, bounds }: Following): Promise<void> {
  let before: ChainSnapshot | undefined;
  for await (const snapshot of client.watch(chain, { signal: boundedSignal(bounds) })) {
    if (output.json) output.item(snapshot, "");
    else {
      const lines = describeChanges(snapshot, before, output, Date.now());
      if (lines.length > 0) output.item(snapshot, lines.join("\n"));
    }
    before = snapshot;
  }
  if (before?.state !== "succeeded") process.exitCode = exitCodes.chainFailed;
}
