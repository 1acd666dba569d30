// Task choices: which commands a person may give a task now. Asked of the judge of real commands,
// with a probe of each kind, so that a choice and its command never disagree.

import type { TaskActor, TaskCommand } from "@cloudbrain/sdk/domain";
import type { Deciding } from "./deciding.ts";
import { isRefusal, verdictOn } from "./step-task.ts";
import { coHandlingOf } from "./task-rights.ts";
import type { Task } from "./task-state.ts";

const reason = "?";
const nobody = { account: "", name: "", department: "" };
const empty = { users: [], groups: [], roles: [], departments: [] };
const toNobody = { kind: "user", ...nobody } as const;

function probesFor(task: Task, actor: TaskActor): readonly TaskCommand[] {
  const asked = task.coHandlers.find(({ state }) => state === "asked")?.id ?? "";
  return [
    { kind: "claim" },
    { kind: "unclaim", reason },
    { kind: "complete", output: null },
    { kind: "report", output: null },
    { kind: "return", reason },
    {
      kind: "decideReturn",
      decision: { kind: "changeCandidates", candidates: empty },
      reason,
    },
    { kind: "decideReturn", decision: { kind: "insist" }, reason },
    { kind: "decideReturn", decision: { kind: "reject" }, reason },
    { kind: "transfer", to: toNobody, reason },
    { kind: "delegate", to: nobody, reason },
    { kind: "resolve", reason },
    { kind: "requestExtension", extraMs: 0, reason },
    { kind: "decideExtension", grant: true, reason },
    { kind: "askCoHandler", to: toNobody, required: false, reason },
    {
      kind: "answerCoHandling",
      entry: coHandlingOf(task, actor, undefined)?.id ?? "",
      opinion: reason,
    },
    { kind: "dropCoHandler", entry: asked, reason },
    { kind: "requestHanging", untilMs: 0, reason },
    { kind: "decideHanging", grant: true, reason },
    { kind: "resume", reason },
    { kind: "remind", reason },
    { kind: "supervise", reason },
    { kind: "evaluate", score: 0, comment: reason },
  ];
}

/** What a probe is refused for because of what it says, not because of the task or the actor. */
const ofContent: ReadonlySet<string> = new Set(["INPUT_INVALID", "FORM_INVALID"]);

/** Kinds of commands, each once. */
export function taskChoices(
  deciding: Deciding,
  task: Task,
  actor: TaskActor,
): readonly TaskCommand["kind"][] {
  const { id, version } = task;
  const kinds = new Set<TaskCommand["kind"]>();
  for (const command of probesFor(task, actor)) {
    const verdict = verdictOn(deciding, task, {
      type: "taskCommand",
      request: 0,
      task: id,
      command,
      commandId: "probe",
      expectedVersion: version,
      actor,
    });
    if (!isRefusal(verdict) || ofContent.has(verdict.code)) kinds.add(command.kind);
  }
  return [...kinds];
}
