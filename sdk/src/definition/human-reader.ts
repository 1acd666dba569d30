// Human reader: what a person is asked to do (待办): who may, with which actions, in which form.
//
//   H1  Whatever a task offers can happen: an action needs the actions that come before it, and a
//       rule needs the action that it is about.

import {
  type ExtensionRule,
  type HumanRule,
  type ReturnRule,
  type TaskAction,
  taskActions,
} from "../domain/application.ts";
import type { ExpressionPlace } from "./expression-check.ts";
import {
  type Fields,
  readChoice,
  readDurationMs,
  readFields,
  readNumber,
  requireField,
} from "./field-reader.ts";
import { type Reader, readChoices, readSchema, readTextMappings } from "./reader.ts";

/** Returns of one task, beyond which nobody would still believe in it. */
const visitsMax = 100;
const visitsDefault = 3;
const extensionsMax = 20;
const actionsDefault: readonly TaskAction[] = ["claim", "unclaim", "complete"];
const noExtension: ExtensionRule = { max: 0, longestMs: 0, decidedBy: [] };

export interface HumanSurroundings {
  /** When the task ends anyhow; undefined where it has no finish deadline. */
  readonly finishMs: number | undefined;
  /** Whether an escalation names supervisors, who may decide extensions. */
  readonly isSupervised: boolean;
  /** Whether a member may answer again. */
  readonly mayRevise: boolean;
}

export function readHuman(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  around: HumanSurroundings,
): HumanRule {
  const { problems } = reader;
  const suggestion = "write human: { candidates: { groups: [name] } }";
  const field = requireField(problems, parent, "human", suggestion);
  const where = `${parent.where}.human`;
  const fields = readFields(problems, field?.value, where, {
    known: ["candidates", "actions", "form", "onReturn", "extension"],
  });
  const actions = readChoices(reader, fields, "actions", taskActions) ?? actionsDefault;
  checkActions(reader, fields, actions, around);
  const onReturn = readReturn(reader, fields, place, actions);
  return {
    candidates: readCandidates(reader, fields, place, field !== undefined),
    actions,
    form: readSchema(problems, fields, "form"),
    onReturn,
    extension: readExtension(reader, fields, place, {
      ...around,
      mayAsk: actions.includes("requestExtension"),
      hasDesk: onReturn !== undefined && onReturn.to.length > 0,
    }),
  };
}

function readCandidates(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  isThere: boolean,
): HumanRule["candidates"] {
  const { problems } = reader;
  const node = parent.get("candidates")?.value;
  const where = `${parent.where}.candidates`;
  const fields = readFields(problems, node, where, {
    known: ["users", "groups", "roles", "departments"],
  });
  const read = (key: string) => readTextMappings(reader, fields, key, place);
  const candidates = {
    users: read("users"),
    groups: read("groups"),
    roles: read("roles"),
    departments: read("departments"),
  };
  const isEmpty = Object.values(candidates).every(({ length }) => length === 0);
  if (isThere && isEmpty && (node === undefined || node.kind === "fields")) {
    problems.add(node?.start ?? parent.start, "NO_CANDIDATE", `${where} names nobody`, {
      suggestion: "write users, groups, roles or departments: [name]",
    });
  }
  return candidates;
}

function checkActions(
  { problems }: Reader,
  fields: Fields,
  actions: readonly TaskAction[],
  around: HumanSurroundings,
): void {
  const at = fields.get("actions")?.value.start ?? fields.start;
  const refuse = (action: TaskAction, why: string, suggestion: string): void => {
    problems.add(at, "IMPOSSIBLE_ACTION", `${fields.where}.actions: ${action} ${why}`, {
      suggestion,
    });
  };
  if (!actions.includes("complete")) {
    refuse("complete", "is missing, so that the task could never be done", "add complete");
  }
  const first = actions.find((action) => action !== "claim" && action !== "complete") ?? actions[0];
  if (!actions.includes("claim") && first !== undefined) {
    refuse(first, "can't happen without claim", "add claim: only who holds a task can act on it");
  }
  if (actions.includes("report") && !around.mayRevise) {
    const suggestion = "write feedback: revise in each of a fan-out, or remove report";
    refuse("report", "can't happen: what is reported could not be replaced later", suggestion);
  }
}

function readReturn(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  actions: readonly TaskAction[],
): ReturnRule | undefined {
  const { problems } = reader;
  const field = parent.get("onReturn");
  if (field === undefined) return undefined;
  const fields = readFields(problems, field.value, `${parent.where}.onReturn`, {
    known: ["to", "may", "maxVisits", "then"],
  });
  requireField(problems, fields, "to", "write to: dispatch-desk");
  if (!actions.includes("return")) {
    const message = `${fields.where} can't happen: return is none of the actions`;
    problems.add(field.keyStart, "IMPOSSIBLE_ACTION", message, {
      suggestion: "add return to actions, or remove onReturn",
    });
  }
  const choices = ["changeCandidates", "insist", "reject"] as const;
  const visits = { min: 1, max: visitsMax, whole: true };
  return {
    to: readTextMappings(reader, fields, "to", place),
    may: readChoices(reader, fields, "may", choices) ?? choices,
    visitsMax: readNumber(problems, fields, "maxVisits", visits) ?? visitsDefault,
    // biome-ignore lint/suspicious/noThenProperty: a word of the language; nothing ever awaits it.
    then: readChoice(problems, fields, "then", ["suspend", "fail"]) ?? "suspend",
  };
}

interface ExtensionSurroundings extends HumanSurroundings {
  readonly mayAsk: boolean;
  /** Whether returned tasks have a dispatch desk, which decides extensions too. */
  readonly hasDesk: boolean;
}

function readExtension(
  reader: Reader,
  parent: Fields,
  place: ExpressionPlace,
  around: ExtensionSurroundings,
): ExtensionRule {
  const { problems } = reader;
  const field = parent.get("extension");
  if (field !== undefined && !around.mayAsk) {
    const message = `${parent.where}.extension can't happen: nobody may ask for one`;
    problems.add(field.keyStart, "IMPOSSIBLE_ACTION", message, {
      suggestion: "add requestExtension to actions, or remove extension",
    });
  }
  if (!around.mayAsk) return noExtension;
  const at = field?.keyStart ?? parent.get("actions")?.value.start ?? parent.start;
  const fields = readFields(problems, field?.value, `${parent.where}.extension`, {
    known: ["max", "longest", "decidedBy"],
  });
  const decidedBy = readTextMappings(reader, fields, "decidedBy", place);
  if (decidedBy.length === 0 && !around.hasDesk && !around.isSupervised) {
    problems.add(at, "NO_DECIDER", `${fields.where}: nobody decides an extension`, {
      suggestion:
        "write extension: { decidedBy: [group] }, onReturn.to or a supervising escalation",
    });
  }
  if (around.finishMs === undefined) {
    problems.add(at, "IMPOSSIBLE_ACTION", `${fields.where}: there is no deadline to extend`, {
      suggestion: "write deadline: { finish: P3D }, or remove requestExtension",
    });
  }
  return {
    max: readNumber(problems, fields, "max", { min: 1, max: extensionsMax, whole: true }) ?? 1,
    longestMs: readDurationMs(problems, fields, "longest") ?? around.finishMs ?? 1,
    decidedBy,
  };
}
