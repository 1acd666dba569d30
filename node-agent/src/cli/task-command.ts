// Task command: what the commands about one task have in common: which task, at which version, and
// what is said when it is done.

import type { Output } from "@cloudbrain/sdk/cli";
import type { Client, TaskCalls, TaskInfo, TaskReceipt } from "@cloudbrain/sdk/client";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { findTask } from "./task-search.ts";
import type { TextKey } from "./texts-en.ts";
import { readCount, refuseUsage } from "./usage.ts";

export interface TaskFlags {
  readonly expect?: number;
  readonly reason?: string;
}

/** What a command does with the task that it names. */
export interface TaskWork {
  readonly tasks: TaskCalls;
  readonly task: TaskInfo;
  /** For the calls; commands of people are repeated within `--timeout`. */
  readonly options: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined };
  readonly client: Client;
}

/** A command with its examples, the task as its first argument, and `--expect`. */
export function addTaskCommand(
  parent: Command,
  host: CommandHost,
  name: string,
  ...examples: readonly string[]
): Command {
  const { say } = host;
  const about = `about.task.${name}` as TextKey;
  return addExamples(parent.command(name), ...examples)
    .description(say(about))
    .argument("<task>", say("argument.task"))
    .option("--expect <version>", say("option.task.expect"), (text) =>
      readCount(say, "--expect", text),
    );
}

/** Finds the task, acts on it and says what was done; `what` is a word of the trail. */
export async function actOn(
  host: CommandHost,
  command: Command,
  text: string,
  what: string,
  act: (work: TaskWork) => Promise<TaskReceipt>,
): Promise<void> {
  const { say } = host;
  const { expect } = command.opts<TaskFlags>();
  await host.withClient(command, async (client, output, { signal, timeoutMs }) => {
    const found = await findTask(client, text, say, signal);
    const task = expect === undefined ? found : { ...found, version: expect };
    const options = { signal, timeoutMs };
    const receipt = await act({ tasks: client.tasks, task, options, client });
    sayDone(host, output, receipt, what);
  });
}

function sayDone({ say }: CommandHost, output: Output, receipt: TaskReceipt, what: string): void {
  const { id: task, version, existed } = receipt;
  const word = say(`task.what.${what}` as TextKey);
  output.result(receipt, say(existed ? "task.again" : "task.done", { task, version, what: word }));
}

export function addReason(command: Command, { say }: CommandHost): Command {
  return command.requiredOption("--reason <text>", say("option.task.reason"));
}

export function addReceiver(command: Command, { say }: CommandHost): Command {
  return command
    .option("--to <account>", say("option.task.to"))
    .option("--to-group <group>", say("option.task.toGroup"));
}

export interface ReceiverFlags {
  readonly to?: string;
  readonly toGroup?: string;
}

export function receiverOf({ say }: CommandHost, { to, toGroup }: ReceiverFlags) {
  if ((to === undefined) === (toGroup === undefined)) {
    refuseUsage("--to", say("usage.oneReceiver"));
  }
  return to === undefined ? { group: toGroup ?? "" } : { account: to };
}
