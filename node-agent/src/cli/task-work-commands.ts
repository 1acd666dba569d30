// `cloudbrain task claim|complete|return|...`: what whoever works on a task does with it.

import { isMeshError, type JsonValue, MeshError } from "@cloudbrain/sdk/domain";
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
} from "./task-command.ts";
import { readDuration, readJsonInput, refuseUsage } from "./usage.ts";

interface FormFlags {
  readonly form?: string;
  readonly formFile?: string;
}

export function addWorkCommands(task: Command, host: CommandHost): void {
  addClaims(task, host);
  addForms(task, host);
  addReturn(task, host);
  addHandovers(task, host);
  addTimes(task, host);
}

function addClaims(task: Command, host: CommandHost): void {
  addTaskCommand(task, host, "claim", "cloudbrain task claim 9W0XJ5").action(
    (text: string, _flags: TaskFlags, command: Command) =>
      actOn(host, command, text, "claimed", (work) => work.tasks.claim(work.task, work.options)),
  );
  addTaskCommand(task, host, "unclaim", "cloudbrain task unclaim 9W0XJ5 --reason 请假")
    .option("--reason <text>", host.say("option.reason"))
    .action((text: string, { reason }: TaskFlags, command: Command) =>
      actOn(host, command, text, "unclaimed", ({ tasks, task: found, options }) =>
        tasks.unclaim(found, { reason, ...options }),
      ),
    );
}

function addForms(task: Command, host: CommandHost): void {
  const { say } = host;
  const verbs = { complete: "completed", report: "reported" } as const;
  for (const verb of ["complete", "report"] as const) {
    addTaskCommand(
      task,
      host,
      verb,
      `cloudbrain task ${verb} 9W0XJ5 --form '{"result":"done","summary":"积水已排空"}'`,
      `cloudbrain task ${verb} 9W0XJ5 --form-file form.json`,
    )
      .option("--form <json>", say("option.task.form"))
      .option("--form-file <file>", say("option.task.formFile"))
      .action((text: string, flags: FormFlags, command: Command) => {
        const form = readForm(host, flags);
        const { json } = host.outputOf(command);
        return actOn(host, command, text, verbs[verb], async ({ tasks, task: found, options }) => {
          try {
            return await tasks[verb](found, form, options);
          } catch (error) {
            throw json ? error : formError(host, error);
          }
        });
      });
  }
}

function readForm({ say }: CommandHost, { form, formFile }: FormFlags): JsonValue {
  if (form !== undefined && formFile !== undefined) {
    refuseUsage("--form-file", say("usage.oneForm"));
  }
  if (formFile !== undefined) return readJsonInput(say, "--form-file", `@${formFile}`);
  return readJsonInput(say, "--form", form ?? "{}");
}

/** A form is mended field by field: each has a line of its own. */
function formError({ say }: CommandHost, error: unknown): unknown {
  if (!isMeshError(error) || error.code !== "FORM_INVALID") return error;
  const reasons = (error.detail ?? "").split("; ");
  const detail = [say("task.formWrong", { count: reasons.length }), ...reasons].join("\n");
  return new MeshError("FORM_INVALID", { subject: error.subject, detail, cause: error });
}

function addReturn(task: Command, host: CommandHost): void {
  const back = addTaskCommand(
    task,
    host,
    "return",
    "cloudbrain task return 9W0XJ5 --reason 不属于本部门职责",
  );
  addReason(back, host).action((text: string, { reason = "" }: TaskFlags, command: Command) =>
    actOn(host, command, text, "returned", ({ tasks, task: found, options }) =>
      tasks.returnTask(found, reason, options),
    ),
  );
}

function addHandovers(task: Command, host: CommandHost): void {
  const transfer = addTaskCommand(
    task,
    host,
    "transfer",
    "cloudbrain task transfer 9W0XJ5 --to clerk-2 --reason 轮班",
    "cloudbrain task transfer 9W0XJ5 --to-group bureau:water --reason 供水问题",
  );
  addReason(addReceiver(transfer, host), host).action(
    (text: string, flags: TaskFlags & ReceiverFlags, command: Command) => {
      const to = receiverOf(host, flags);
      return actOn(host, command, text, "transferred", ({ tasks, task: found, options }) =>
        tasks.transfer(found, to, flags.reason ?? "", options),
      );
    },
  );
  const delegate = addTaskCommand(
    task,
    host,
    "delegate",
    "cloudbrain task delegate 9W0XJ5 clerk-2 --reason 现场核查",
  ).argument("<account>", host.say("argument.account.to"));
  addReason(delegate, host).action(
    (text: string, account: string, { reason = "" }: TaskFlags, command: Command) =>
      actOn(host, command, text, "delegated", ({ tasks, task: found, options }) =>
        tasks.delegate(found, account, reason, options),
      ),
  );
  addTaskCommand(task, host, "resolve", "cloudbrain task resolve 9W0XJ5 --reason 已核查")
    .option("--reason <text>", host.say("option.reason"))
    .action((text: string, { reason }: TaskFlags, command: Command) =>
      actOn(host, command, text, "resolved", ({ tasks, task: found, options }) =>
        tasks.resolve(found, { reason, ...options }),
      ),
    );
}

function addTimes(task: Command, host: CommandHost): void {
  const { say } = host;
  const extend = addTaskCommand(
    task,
    host,
    "extend",
    "cloudbrain task extend 9W0XJ5 2d --reason 等待配件",
  ).argument("<time>", say("argument.task.time"), (text) => readDuration("time", text));
  addReason(extend, host).action(
    (text: string, extraMs: number, { reason = "" }: TaskFlags, command: Command) =>
      actOn(host, command, text, "extensionRequested", ({ tasks, task: found, options }) =>
        tasks.requestExtension(found, extraMs, reason, options),
      ),
  );
  const hang = addTaskCommand(
    task,
    host,
    "hang",
    "cloudbrain task hang 9W0XJ5 2027-04-01 --reason 冬季无法施工",
  ).argument("<date>", say("argument.task.until"), (text) => readUntil(host, text));
  addReason(hang, host).action(
    (text: string, untilMs: number, { reason = "" }: TaskFlags, command: Command) =>
      actOn(host, command, text, "hangingRequested", ({ tasks, task: found, options }) =>
        tasks.requestHanging(found, untilMs, reason, options),
      ),
  );
  addTaskCommand(task, host, "resume", "cloudbrain task resume 9W0XJ5 --reason 可以施工")
    .option("--reason <text>", say("option.reason"))
    .action((text: string, { reason }: TaskFlags, command: Command) =>
      actOn(host, command, text, "resumed", ({ tasks, task: found, options }) =>
        tasks.resume(found, { reason, ...options }),
      ),
    );
}

const datePattern = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?$/;

/** ms since 1970; without an offset by the clock of this machine. */
function readUntil({ say }: CommandHost, text: string): number {
  const whole = text.length === "2026-12-31".length ? `${text}T00:00:00` : text;
  const untilMs = datePattern.test(text) ? new Date(whole).getTime() : Number.NaN;
  return Number.isNaN(untilMs) ? refuseUsage("date", say("usage.until", { value: text })) : untilMs;
}
