// `cloudbrain task`: what people find to do, and what they do about it (待办).

import type { Output } from "@cloudbrain/sdk/cli";
import type { TaskNews } from "@cloudbrain/sdk/client";
import {
  type TaskFilter,
  type TaskLight,
  type TaskOrder,
  type TaskStateKind,
  taskFilters,
  taskLights,
  taskOrders,
  taskStates,
} from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { formatClock, titleIn } from "./formats.ts";
import { addExamples } from "./help.ts";
import { takeFirst } from "./lists.ts";
import { addDeskCommands } from "./task-desk-commands.ts";
import { findTask } from "./task-search.ts";
import { describeTask, lineCells, taskColumns } from "./task-views.ts";
import { addWorkCommands } from "./task-work-commands.ts";
import { readChoice, readCount } from "./usage.ts";

const tasksDefault = 60;

interface ListFlags {
  readonly list?: TaskFilter;
  readonly state?: TaskStateKind;
  readonly light?: TaskLight;
  readonly app?: string;
  readonly text?: string;
  readonly order?: TaskOrder;
  readonly limit?: number;
}

export function addTaskCommands(task: Command, host: CommandHost): void {
  addExamples(
    task,
    "cloudbrain task ls --list offered",
    "cloudbrain task claim 9W0XJ5",
    `cloudbrain task complete 9W0XJ5 --form '{"result":"done"}'`,
    "cloudbrain task return 9W0XJ5 --reason 不属于本部门职责",
  );
  addList(task, host);
  addReading(task, host);
  addWorkCommands(task, host);
  addDeskCommands(task, host);
}

function addList(task: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    task.command("ls"),
    "cloudbrain task ls",
    "cloudbrain task ls --list offered --light red",
    "cloudbrain task ls --list all --app item.handling --order priority --limit 0 --json",
  )
    .description(say("about.task.ls"))
    .option("--list <list>", say("option.task.list", { lists: taskFilters.join(", ") }), (text) =>
      readChoice(say, "--list", text, taskFilters),
    )
    .option(
      "--state <state>",
      say("option.task.state", { states: taskStates.join(", ") }),
      (text) => readChoice(say, "--state", text, taskStates),
    )
    .option(
      "--light <light>",
      say("option.task.light", { lights: taskLights.join(", ") }),
      (text) => readChoice(say, "--light", text, taskLights),
    )
    .option("--app <id>", say("option.application"))
    .option("--text <text>", say("option.task.text"))
    .option(
      "--order <order>",
      say("option.task.order", { orders: taskOrders.join(", ") }),
      (text) => readChoice(say, "--order", text, taskOrders),
    )
    .option("--limit <count>", say("option.limit", { default: tasksDefault }), (text) =>
      readCount(say, "--limit", text),
    )
    .action((flags: ListFlags, command: Command) => listTasks(host, flags, command));
}

function addReading(task: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    task.command("show"),
    "cloudbrain task show 9W0XJ5",
    "cloudbrain task show 9W0XJ5 --json",
  )
    .description(say("about.task.show"))
    .argument("<task>", say("argument.task"))
    .action((text: string, _flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const { id } = await findTask(client, text, say, signal);
        const found = await client.tasks.get(id, { signal });
        output.result(found, describeTask(host, found, output));
      }),
    );
  addExamples(
    task.command("watch"),
    "cloudbrain task watch",
    "cloudbrain task watch --json | jq .counts",
  )
    .description(say("about.task.watch"))
    .action((_flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        for await (const news of client.tasks.watch({ signal })) tellNews(host, output, news);
      }),
    );
}

async function listTasks(host: CommandHost, flags: ListFlags, command: Command): Promise<void> {
  const { list: filter = "mine", state, light, app: application, text, order } = flags;
  await host.withClient(command, async (client, output, { signal }) => {
    const { limit = tasksDefault } = flags;
    // One more tells whether there are more.
    const bound = limit === 0 ? {} : { limit: limit + 1 };
    const query = { filter, state, light, application, text, order, ...bound };
    const found = await takeFirst(client.tasks.list(query, { signal }), limit);
    const columns = taskColumns(host, found.items, lineCells(host.env), Date.now());
    output.table(columns, found.items, "tasks");
    if (!output.json)
      output.note(host.say("task.counts", { ...(await client.tasks.count({ signal })) }));
    if (found.hasMore) output.note(host.say("list.more"));
  });
}

function tellNews({ say, lang }: CommandHost, output: Output, news: TaskNews): void {
  const lines = [`${formatClock(Date.now())}  ${say("task.counts", { ...news.counts })}`];
  for (const { id, state, title } of news.changed) {
    lines.push(`  ${id}  ${say(`task.state.${state}`)}  ${titleIn(title, lang)}`);
  }
  if (news.more) lines.push(`  ${say("task.more")}`);
  output.item(news, lines.join("\n"));
}
