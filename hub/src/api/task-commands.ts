// Task commands: what a person tells a task, parsed from its message. All of it refuses with
// INPUT_INVALID, naming the field, or as `TaskPeople` does.

import type { ActOnTaskRequest, DecideReturn, TaskTarget as ProtoTarget } from "@cloudbrain/proto";
import {
  type JsonValue,
  limits,
  MeshError,
  type TaskCommand,
  type TaskTarget,
} from "@cloudbrain/sdk/domain";
import { parseJsonField } from "./answers.ts";
import type { TaskPeople } from "./task-people.ts";

type ProtoCommand = NonNullable<ActOnTaskRequest["command"]>;
type Naming<Case extends ProtoCommand["$case"]> = Extract<ProtoCommand, { $case: Case }>;

export function parseTaskCommand(
  command: ActOnTaskRequest["command"],
  people: TaskPeople,
): TaskCommand {
  if (command === undefined) return refuse("command", "it is missing, or of a newer version");
  switch (command.$case) {
    case "claim":
      return { kind: "claim" };
    case "complete":
    case "report":
      return { kind: command.$case, output: parseForm(command.value.output) };
    case "unclaim":
    case "return":
    case "resolve":
    case "resume":
    case "remind":
    case "supervise":
      return { kind: command.$case, reason: command.value.reason };
    case "decideExtension":
    case "decideHanging": {
      const { grant, reason } = command.value;
      return { kind: command.$case, grant, reason };
    }
    case "requestExtension": {
      const { extraSeconds, reason } = command.value;
      return { kind: "requestExtension", extraMs: extraSeconds * 1_000, reason };
    }
    case "requestHanging": {
      const { untilTime, reason } = command.value;
      if (untilTime === undefined) return refuse("until_time", "it is missing");
      return { kind: "requestHanging", untilMs: untilTime.getTime(), reason };
    }
    case "evaluate": {
      const { score, comment } = command.value;
      return { kind: "evaluate", score, comment };
    }
    default:
      return parseNaming(command, people);
  }
}

/** Commands that name people. */
function parseNaming(
  command: Naming<
    "decideReturn" | "transfer" | "delegate" | "askCoHandler" | "answerCoHandling" | "dropCoHandler"
  >,
  people: TaskPeople,
): TaskCommand {
  switch (command.$case) {
    case "decideReturn":
      return parseReturnDecision(command.value, people);
    case "transfer": {
      const { to, reason } = command.value;
      const target = parseTarget(to, people, (account) => people.worker(account));
      return { kind: "transfer", to: target, reason };
    }
    case "delegate": {
      const { account, reason } = command.value;
      return { kind: "delegate", to: people.worker(account), reason };
    }
    case "askCoHandler": {
      const { to, required, reason } = command.value;
      const target = parseTarget(to, people, (account) => people.adviser(account));
      return { kind: "askCoHandler", to: target, required, reason };
    }
    case "answerCoHandling": {
      const { coHandling: entry, opinion } = command.value;
      return { kind: "answerCoHandling", entry, opinion };
    }
    case "dropCoHandler": {
      const { coHandling: entry, reason } = command.value;
      return { kind: "dropCoHandler", entry, reason };
    }
  }
}

function parseForm(bytes: Uint8Array): JsonValue {
  return parseJsonField("output", bytes, limits.outputBytesMax) ?? {};
}

function parseReturnDecision({ decision, reason }: DecideReturn, people: TaskPeople): TaskCommand {
  switch (decision?.$case) {
    case "insist":
    case "reject":
      return { kind: "decideReturn", decision: { kind: decision.$case }, reason };
    case "changeCandidates": {
      const { users, groups, roles, departments } = decision.value;
      const candidates = people.candidates({ users, groups, roles, departments });
      return { kind: "decideReturn", decision: { kind: "changeCandidates", candidates }, reason };
    }
    default:
      return refuse("decision", "name new candidates, insist or reject");
  }
}

function parseTarget(
  message: ProtoTarget | undefined,
  people: TaskPeople,
  personOf: (account: string) => Omit<Extract<TaskTarget, { kind: "user" }>, "kind">,
): TaskTarget {
  const target = message?.target;
  if (target === undefined) return refuse("to", "name an account or a group");
  return target.$case === "account"
    ? { kind: "user", ...personOf(target.value) }
    : { kind: "group", group: people.group(target.value) };
}

function refuse(subject: string, detail: string): never {
  throw new MeshError("INPUT_INVALID", { subject, detail });
}
