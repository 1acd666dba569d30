// Task specs: what an instruction says of a task, as JSON. Checked here so that the desk finds the
// shape that the domain promises, and bounded, so that no peer fills a worklist with one task.

import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  limits,
  MeshError,
  type TaskCandidates,
  type TaskEscalation,
  type TaskHeading,
  type TaskSpec,
  type Title,
  taskActions,
} from "../domain/index.ts";
import { checkAddress } from "./addresses.ts";
import { checkJsonText } from "./checks.ts";

/** The form's schema alone may have 64 KiB characters. */
const taskCharsMax = 256 * 1024;
const nameCharsMax = 512;

/** Reads the JSON text of a task; refuses with FRAME_INVALID or PAYLOAD_TOO_LARGE. */
export function parseTaskText(text: string, subject: string): TaskSpec {
  if (text.length > taskCharsMax) {
    const detail = `a task of ${text.length} characters is over the limit`;
    throw new MeshError("PAYLOAD_TOO_LARGE", { subject, detail });
  }
  checkJsonText(text, subject);
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new MeshError("FRAME_INVALID", { subject, detail: "its task is no JSON", cause });
  }
  return readSpec(new TaskReader(subject, "task", value));
}

export function parseTaskHeading(value: JsonValue, subject: string): TaskHeading {
  return readHeading(new TaskReader(subject, "heading", value));
}

function readHeading(reader: TaskReader): TaskHeading {
  return {
    application: reader.text("application"),
    title: readTitle(reader.child("title")),
    priority: reader.number("priority", 100),
  };
}

function readTitle(reader: TaskReader): Title {
  const zh = reader.text("zh");
  return reader.has("en") ? { zh, en: reader.text("en") } : { zh };
}

function readSpec(reader: TaskReader): TaskSpec {
  const extension = reader.child("extension");
  const deadlines = reader.child("deadlines");
  const actions = reader.names("actions");
  return {
    ...readHeading(reader),
    about: checkAddress(reader.text("about")),
    candidates: readCandidates(reader.child("candidates")),
    actions: taskActions.filter((action) => actions.includes(action)),
    ...(reader.has("form") ? { form: reader.value("form") } : {}),
    ...(reader.has("onReturn") ? { onReturn: readReturn(reader.child("onReturn")) } : {}),
    extension: {
      max: extension.number("max", 1_000),
      longestMs: extension.number("longestMs"),
      decidedBy: extension.names("decidedBy"),
    },
    deadlines: {
      claimMs: deadlines.number("claimMs"),
      finishMs: deadlines.number("finishMs"),
      calendar: deadlines.text("calendar"),
    },
    escalations: reader.children("escalations", limits.escalationsMax).map(readEscalation),
    revise: reader.flag("revise"),
  };
}

function readCandidates(reader: TaskReader): TaskCandidates {
  return {
    users: reader.names("users"),
    groups: reader.names("groups"),
    roles: reader.names("roles"),
    departments: reader.names("departments"),
  };
}

const decisions = ["changeCandidates", "insist", "reject"] as const;

function readReturn(reader: TaskReader): NonNullable<TaskSpec["onReturn"]> {
  const may = reader.names("may");
  return {
    to: reader.names("to"),
    may: decisions.filter((decision) => may.includes(decision)),
    visitsMax: reader.number("visitsMax", 1_000),
  };
}

function readEscalation(reader: TaskReader): TaskEscalation {
  return {
    afterMs: reader.number("afterMs"),
    on: reader.choice("on", ["unclaimed", "unfinished"]),
    action: reader.choice("action", ["remind", "offer", "offerUp", "supervise"]),
    to: reader.names("to"),
    channels: reader.names("channels"),
  };
}

/** Reads one object; refuses with FRAME_INVALID and the path of what is wrong. */
class TaskReader {
  private readonly subject: string;
  private readonly path: string;
  private readonly fields: JsonObject;

  constructor(subject: string, path: string, value: JsonValue | undefined) {
    this.subject = subject;
    this.path = path;
    if (!isJsonObject(value)) throw this.wrong();
    this.fields = value;
  }

  private wrong(name?: string): MeshError {
    const path = name === undefined ? this.path : `${this.path}.${name}`;
    const detail = `${path} is missing or malformed`;
    return new MeshError("FRAME_INVALID", { subject: this.subject, detail });
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  value(name: string): JsonValue {
    const value = this.fields[name];
    if (value === undefined) throw this.wrong(name);
    return value;
  }

  child(name: string): TaskReader {
    return new TaskReader(this.subject, `${this.path}.${name}`, this.fields[name]);
  }

  children(name: string, max: number): readonly TaskReader[] {
    const path = `${this.path}.${name}`;
    return this.list(name, max).map((item) => new TaskReader(this.subject, path, item));
  }

  private list(name: string, max: number): readonly JsonValue[] {
    const value = this.fields[name];
    if (!Array.isArray(value) || value.length > max) throw this.wrong(name);
    return value as readonly JsonValue[];
  }

  text(name: string): string {
    const value = this.fields[name];
    if (typeof value !== "string" || value.length > nameCharsMax) throw this.wrong(name);
    return value;
  }

  names(name: string): readonly string[] {
    return this.list(name, limits.taskNamesMax).map((item) => {
      if (typeof item !== "string" || item === "" || item.length > nameCharsMax) {
        throw this.wrong(name);
      }
      return item;
    });
  }

  number(name: string, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.fields[name];
    if (typeof value !== "number" || !(value >= 0 && value <= max)) throw this.wrong(name);
    return value;
  }

  flag(name: string): boolean {
    const value = this.fields[name];
    if (typeof value !== "boolean") throw this.wrong(name);
    return value;
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice {
    const found = choices.find((choice) => choice === this.fields[name]);
    if (found === undefined) throw this.wrong(name);
    return found;
  }
}
