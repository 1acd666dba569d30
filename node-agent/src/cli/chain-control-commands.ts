// `cloudbrain chain retry|suspend|resume|skip|rematch|signal`: what a person does to a chain that
// is under way.

import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { readJsonInput } from "./usage.ts";

interface ReasonFlags {
  readonly reason?: string;
}

interface RetryFlags extends ReasonFlags {
  readonly step?: string;
}

interface SkipFlags extends ReasonFlags {
  readonly output?: string;
}

interface RematchFlags extends ReasonFlags {
  readonly node?: string;
  readonly member?: string;
}

interface SignalFlags {
  readonly payload?: string;
  readonly chain?: string;
}

export function addOperatorCommands(chain: Command, host: CommandHost): void {
  addRetry(chain, host);
  addHold(chain, host);
  addSkip(chain, host);
  addRematch(chain, host);
  addSignal(chain, host);
}

function addRetry(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    chain.command("retry"),
    "cloudbrain chain retry 01KAQ3ZC9W0X",
    "cloudbrain chain retry 01KAQ3ZC9W0X --step bureau --reason 已修复",
  )
    .description(say("about.chain.retry"))
    .argument("<chain>", say("argument.chain"))
    .option("--step <step>", say("option.chain.step"))
    .option("--reason <text>", say("option.reason"))
    .action((id: string, { step, reason }: RetryFlags, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        await client.retryChain(id, { step, reason, signal });
        const told = say("chain.retried", { chain: id });
        if (step === undefined) output.result({ chain: id, state: "running" }, told);
        else output.result({ chain: id, step }, say("chain.stepRetried", { chain: id, step }));
      }),
    );
}

function addHold(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(chain.command("suspend"), "cloudbrain chain suspend 01KAQ3ZC9W0X --reason 待核实")
    .description(say("about.chain.suspend"))
    .argument("<chain>", say("argument.chain"))
    .option("--reason <text>", say("option.reason"))
    .action((id: string, { reason = "" }: ReasonFlags, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        await client.suspendChain(id, reason, { signal });
        output.result({ chain: id, state: "suspended" }, say("chain.held", { chain: id }));
      }),
    );
  addExamples(chain.command("resume"), "cloudbrain chain resume 01KAQ3ZC9W0X --reason 已核实")
    .description(say("about.chain.resume"))
    .argument("<chain>", say("argument.chain"))
    .option("--reason <text>", say("option.reason"))
    .action((id: string, { reason = "" }: ReasonFlags, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        await client.resumeChain(id, reason, { signal });
        output.result({ chain: id, state: "running" }, say("chain.retried", { chain: id }));
      }),
    );
}

function addSkip(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    chain.command("skip"),
    "cloudbrain chain skip 01KAQ3ZC9W0X classify --reason 人工分类",
    `cloudbrain chain skip 01KAQ3ZC9W0X classify --output '{"category":"water"}' --reason 人工分类`,
  )
    .description(say("about.chain.skip"))
    .argument("<chain>", say("argument.chain"))
    .argument("<step>", say("argument.step"))
    .option("--output <json>", say("option.chain.output"))
    .option("--reason <text>", say("option.reason"))
    .action((id: string, step: string, flags: SkipFlags, command: Command) => {
      const { reason = "", output: text } = flags;
      const value = text === undefined ? undefined : readJsonInput(say, "--output", text);
      return host.withClient(command, async (client, output, { signal }) => {
        await client.skipStep(id, step, { reason, output: value, signal });
        const told = say("chain.stepSkipped", { chain: id, step });
        output.result({ chain: id, step, state: "skipped" }, told);
      });
    });
}

function addRematch(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    chain.command("rematch"),
    "cloudbrain chain rematch 01KAQ3ZC9W0X bureau --reason 设备故障",
    "cloudbrain chain rematch 01KAQ3ZC9W0X bureau --node /3702/370202/s-water --reason 设备故障",
  )
    .description(say("about.chain.rematch"))
    .argument("<chain>", say("argument.chain"))
    .argument("<step>", say("argument.step"))
    .option("--node <address>", say("option.chain.node"))
    .option("--member <key>", say("option.chain.member"))
    .option("--reason <text>", say("option.reason"))
    .action((id: string, step: string, flags: RematchFlags, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const { node, member, reason = "" } = flags;
        await client.rematchStep(id, step, { node, member, reason, signal });
        const told = say("chain.stepRematched", { chain: id, step });
        output.result({ chain: id, step, state: "running" }, told);
      }),
    );
}

function addSignal(chain: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    chain.command("signal"),
    `cloudbrain chain signal approved --payload '{"permit":"2026-17"}'`,
    "cloudbrain chain signal approved --chain 01KAQ3ZC9W0X --payload @permit.json",
  )
    .description(say("about.chain.signal"))
    .argument("<name>", say("argument.signal"))
    .option("--payload <json>", say("option.chain.payload"))
    .option("--chain <chain>", say("option.chain.only"))
    .action((name: string, flags: SignalFlags, command: Command) => {
      const payload = readJsonInput(say, "--payload", flags.payload ?? "null");
      return host.withClient(command, async (client, output, { signal }) => {
        const { chain: only } = flags;
        const told = await client.signal(name, payload, { chain: only, signal });
        const key = told.retained ? "chain.signalRetained" : "chain.signalled";
        output.result(told, say(key, { name, count: told.opened }));
        if (told.detail !== "") output.note(told.detail);
      });
    });
}
