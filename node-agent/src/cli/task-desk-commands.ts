// `cloudbrain task decide|remind|supervise|cohandle|evaluate`: what others do about a task.

import type { ReturnDecision, TaskReceipt } from "@cloudbrain/sdk/client";
import type { TaskCandidates } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import {
  actOn,
  addReason,
  addReceiver,
  addTaskCommand,
  type ReceiverFlags,
  receiverOf,
  type TaskFlags,
  type TaskWork,
} from "./task-command.ts";
import { readChoice, refuseUsage } from "./usage.ts";
import { collect } from "./user-flags.ts";

const decisions = ["grant", "refuse", "insist", "reject", "change"] as const;
type Decision = (typeof decisions)[number];
const askedFor = ["extension", "hanging"] as const;

interface DecideFlags extends TaskFlags {
  readonly user?: readonly string[];
  readonly group?: readonly string[];
  readonly role?: readonly string[];
  readonly department?: readonly string[];
  readonly about?: (typeof askedFor)[number];
}

interface CoHandleFlags extends TaskFlags, ReceiverFlags {
  readonly required?: boolean;
  readonly answer?: string;
  readonly drop?: string;
  readonly entry?: string;
}

export function addDeskCommands(task: Command, host: CommandHost): void {
  addDecide(task, host);
  addCoHandle(task, host);
  addPressure(task, host);
  addEvaluate(task, host);
}

function addDecide(task: Command, host: CommandHost): void {
  const { say } = host;
  const word = collect((text) => text);
  const decide = addTaskCommand(
    task,
    host,
    "decide",
    "cloudbrain task decide 9W0XJ5 grant --reason 情况属实",
    "cloudbrain task decide 9W0XJ5 insist --reason 属于本部门职责",
    "cloudbrain task decide 9W0XJ5 change --group bureau:water --reason 改派供水部门",
  )
    .argument(
      "<decision>",
      say("argument.task.decision", { choices: decisions.join(", ") }),
      (text) => readChoice(say, "decision", text, decisions),
    )
    .option("--user <account>", say("option.task.user"), word)
    .option("--group <group>", say("option.task.group"), word)
    .option("--role <role>", say("option.task.role"), word)
    .option("--department <name>", say("option.task.department"), word)
    .option("--about <what>", say("option.task.about", { choices: askedFor.join(", ") }), (text) =>
      readChoice(say, "--about", text, askedFor),
    );
  addReason(decide, host).action(
    (text: string, decision: Decision, flags: DecideFlags, command: Command) => {
      const candidates = candidatesOf(host, decision, flags);
      if (decision === "grant" || decision === "refuse") {
        return decideRequest(host, command, text, decision === "grant", flags);
      }
      const made: ReturnDecision =
        decision === "change" ? { kind: "changeCandidates", candidates } : { kind: decision };
      const what = { insist: "insisted", reject: "returned", change: "redirected" }[decision];
      return actOn(host, command, text, what, ({ tasks, task: found, options }) =>
        tasks.decideReturn(found, made, flags.reason ?? "", options),
      );
    },
  );
}

function candidatesOf(
  { say }: CommandHost,
  decision: Decision,
  { user = [], group = [], role = [], department = [] }: DecideFlags,
): TaskCandidates {
  const count = user.length + group.length + role.length + department.length;
  if (decision === "change" && count === 0) refuseUsage("change", say("usage.newCandidates"));
  if (decision !== "change" && count > 0) refuseUsage(decision, say("usage.onlyChange"));
  return { users: user, groups: group, roles: role, departments: department };
}

/** What waits is found out; where both do, `--about` says which. */
async function decideRequest(
  host: CommandHost,
  command: Command,
  text: string,
  grant: boolean,
  { about, reason = "" }: DecideFlags,
): Promise<void> {
  const decide = async ({ tasks, task, options }: TaskWork): Promise<TaskReceipt> => {
    const { may } = await tasks.get(task.id, options);
    const waiting = askedFor.filter((what) => {
      const kind = what === "extension" ? "decideExtension" : "decideHanging";
      return may.includes(kind) && (about === undefined || about === what);
    });
    const [what] = waiting;
    if (what === undefined) return refuseUsage(text, host.say("usage.nothingToDecide"));
    if (waiting.length > 1) {
      return refuseUsage(text, host.say("usage.decideWhich", { choices: askedFor.join(", ") }));
    }
    return what === "extension"
      ? await tasks.decideExtension(task, grant, reason, options)
      : await tasks.decideHanging(task, grant, reason, options);
  };
  await actOn(host, command, text, grant ? "granted" : "refused", decide);
}

function addCoHandle(task: Command, host: CommandHost): void {
  const { say } = host;
  const command = addTaskCommand(
    task,
    host,
    "cohandle",
    "cloudbrain task cohandle 9W0XJ5 --to clerk-2 --required --reason 请提供管网图",
    "cloudbrain task cohandle 9W0XJ5 --answer 管网图已附",
    "cloudbrain task cohandle 9W0XJ5 --drop 1 --reason 不再需要",
  );
  addReceiver(command, host)
    .option("--required", say("option.task.required"))
    .option("--answer <text>", say("option.task.answer"))
    .option("--entry <id>", say("option.task.entry"))
    .option("--drop <id>", say("option.task.drop"))
    .option("--reason <text>", say("option.reason"))
    .action((text: string, flags: CoHandleFlags, given: Command) => {
      const { answer, drop, to, toGroup, reason = "" } = flags;
      const isAsking = to !== undefined || toGroup !== undefined;
      const ways = [isAsking, answer !== undefined, drop !== undefined].filter(Boolean);
      if (ways.length !== 1) refuseUsage(undefined, say("usage.cohandle"));
      if (answer !== undefined) return answerCoHandling(host, given, text, answer, flags.entry);
      if (drop !== undefined) {
        return actOn(host, given, text, "coHandlerDropped", ({ tasks, task: found, options }) =>
          tasks.dropCoHandler(found, drop, reason, options),
        );
      }
      const receiver = receiverOf(host, flags);
      const { required } = flags;
      return actOn(host, given, text, "coHandlerAsked", ({ tasks, task: found, options }) =>
        tasks.askCoHandler(found, receiver, reason, { required, ...options }),
      );
    });
}

/** Without an id the first that is asked of the caller, as the hub sees it. */
async function answerCoHandling(
  host: CommandHost,
  command: Command,
  text: string,
  opinion: string,
  entry: string | undefined,
): Promise<void> {
  await actOn(
    host,
    command,
    text,
    "coHandlerAnswered",
    async ({ tasks, task, client, options }) => {
      if (entry !== undefined) return await tasks.answerCoHandling(task, entry, opinion, options);
      const { coHandlings } = await tasks.get(task.id, options);
      const { user } = await client.users.whoAmI(options);
      const asked = coHandlings.find(
        ({ state, account, group }) =>
          state === "asked" && (account === user.account || user.groups.includes(group)),
      );
      return await tasks.answerCoHandling(task, asked?.id ?? "", opinion, options);
    },
  );
}

function addPressure(task: Command, host: CommandHost): void {
  addTaskCommand(task, host, "remind", "cloudbrain task remind 9W0XJ5 --reason 市民来电催问")
    .option("--reason <text>", host.say("option.reason"))
    .action((text: string, { reason }: TaskFlags, command: Command) =>
      actOn(host, command, text, "reminded", ({ tasks, task: found, options }) =>
        tasks.remind(found, { reason, ...options }),
      ),
    );
  const supervise = addTaskCommand(
    task,
    host,
    "supervise",
    "cloudbrain task supervise 9W0XJ5 --reason 超过承诺时限",
  );
  addReason(supervise, host).action((text: string, { reason = "" }: TaskFlags, command: Command) =>
    actOn(host, command, text, "supervised", ({ tasks, task: found, options }) =>
      tasks.supervise(found, reason, options),
    ),
  );
}

function addEvaluate(task: Command, host: CommandHost): void {
  const { say } = host;
  addTaskCommand(task, host, "evaluate", "cloudbrain task evaluate 9W0XJ5 5 --comment 群众满意")
    .argument("<score>", say("argument.task.score"), (text) =>
      /^[1-5]$/.test(text)
        ? Number(text)
        : refuseUsage("score", say("usage.score", { value: text })),
    )
    .option("--comment <text>", say("option.task.comment"))
    .action(
      (
        text: string,
        score: number,
        { comment = "" }: { readonly comment?: string },
        command: Command,
      ) =>
        actOn(host, command, text, "evaluated", ({ tasks, task: found, options }) =>
          tasks.evaluate(found, score, comment, options),
        ),
    );
}
