// Task views: worklists and tasks as people read them.

import { type Column, cleanText, formatTable, type Output, type Tone } from "@cloudbrain/sdk/cli";
import type {
  CoHandlingInfo,
  TaskDetailInfo,
  TaskInfo,
  TaskRequestInfo,
  TaskTrailEntry,
} from "@cloudbrain/sdk/client";
import { lastLabel, parseAddress, type TaskLight, type TaskPerson } from "@cloudbrain/sdk/domain";
import stringWidth from "string-width";
import type { CommandHost } from "./command-host.ts";
import { formatDuration, formatTime, titleIn } from "./formats.ts";
import type { Environment } from "./settings.ts";
import { shortIds } from "./task-search.ts";
import type { Say } from "./texts.ts";
import { type TextKey, textsEn } from "./texts-en.ts";

const toneOfLight: Readonly<Record<TaskLight, Tone>> = {
  red: "bad",
  yellow: "warning",
  green: "good",
};
/** Holders of long names leave room for the title. */
const holderCells = 8;
/** A title of fewer cells tells nothing: the line wraps instead. */
const titleCellsMin = 12;

/** Cells of a line: of the terminal, or as COLUMNS says; undefined where lines have no end. */
export function lineCells(env: Environment): number | undefined {
  if (process.stdout.isTTY === true) return process.stdout.columns;
  const given = Number(env["COLUMNS"] ?? "");
  return Number.isInteger(given) && given > 0 ? given : undefined;
}

/** Columns of a worklist, whose titles end where the line does. */
export function taskColumns(
  { say, lang }: CommandHost,
  tasks: readonly TaskInfo[],
  cells: number | undefined,
  nowMs: number,
): readonly Column<TaskInfo>[] {
  const names = shortIds(tasks.map(({ id }) => id));
  const columns: readonly Column<TaskInfo>[] = [
    {
      heading: say("column.light"),
      text: ({ light }) => say(`task.light.${light}`),
      tone: ({ light }) => toneOfLight[light],
    },
    { heading: say("column.task"), text: ({ id }) => names.get(id) ?? id },
    { heading: say("column.state"), text: ({ state }) => say(`task.state.${state}`) },
    { heading: say("column.due"), text: ({ dueMs }) => formatDue(dueMs, nowMs) },
    {
      heading: say("column.holder"),
      text: ({ holder }) => clipCells(nameOf(holder), holderCells),
    },
  ];
  const taken = columns.reduce((sum, column) => sum + widthOf(column, tasks) + columnGapCells, 0);
  const room = cells === undefined ? undefined : Math.max(titleCellsMin, cells - taken);
  return [
    ...columns,
    {
      heading: say("column.title"),
      text: (task) => {
        const text = cleanText(`${titleIn(task.title, lang)} · ${placeOf(task.about)}`);
        return room === undefined ? text : clipCells(text, room);
      },
    },
  ];
}

/** Between two columns of a table. */
const columnGapCells = 2;

function widthOf({ heading, text }: Column<TaskInfo>, tasks: readonly TaskInfo[]): number {
  return tasks.reduce(
    (width, task) => Math.max(width, stringWidth(text(task))),
    stringWidth(heading),
  );
}

function placeOf(about: string): string {
  return about === "" ? "" : lastLabel(parseAddress(about));
}

/** Cut to so many cells; a mark says that something is missing. */
export function clipCells(text: string, cells: number): string {
  if (stringWidth(text) <= cells) return text;
  let kept = "";
  for (const character of text) {
    if (stringWidth(kept + character) > cells - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** `11-27 18:00` within the year, else the date. */
function formatDue(dueMs: number, nowMs: number): string {
  if (dueMs === 0) return "-";
  const text = formatTime(dueMs);
  const isThisYear = text.slice(0, 4) === formatTime(nowMs).slice(0, 4);
  return isThisYear ? text.slice(5, 16) : text.slice(0, 10);
}

function nameOf(person: TaskPerson | undefined): string {
  if (person === undefined) return "";
  return cleanText(person.name === "" ? person.account : person.name);
}

function fullNameOf(person: TaskPerson | undefined): string {
  if (person === undefined) return "";
  const { account, name, department } = person;
  const words = name === "" ? account : `${name} (${account})`;
  return cleanText(department === "" ? words : `${words} ${department}`);
}

/** The task with its fields, its form, what waits, and its trail. */
export function describeTask(host: CommandHost, task: TaskDetailInfo, output: Output): string {
  const { say } = host;
  const { users, groups, roles, departments } = task.candidates;
  const fields: readonly (readonly [string, string])[] = [
    [say("column.task"), task.id],
    [say("column.title"), cleanText(titleIn(task.title, host.lang))],
    [say("column.state"), say(`task.state.${task.state}`)],
    [say("column.light"), output.paint(toneOfLight[task.light], say(`task.light.${task.light}`))],
    [say("column.version"), String(task.version)],
    [say("column.application"), task.application],
    [say("column.chain"), `${task.chain} (${task.step})`],
    [say("field.task.about"), task.about],
    [say("column.due"), formatTime(task.dueMs)],
    [say("column.holder"), fullNameOf(task.holder)],
    [say("field.task.owner"), fullNameOf(task.owner)],
    [say("field.task.candidates"), [...users, ...groups, ...roles, ...departments].join(" ")],
    [say("field.reason"), cleanText(task.reason)],
    [say("field.task.supervision"), cleanText(task.supervision)],
    [say("field.task.extension"), formatAsk(say, task.extension)],
    [say("field.task.hanging"), formatAsk(say, task.hanging)],
    [say("field.task.evaluation"), formatEvaluation(task.evaluation)],
    [say("field.task.may"), task.may.join(" ")],
    [
      say("field.task.decisions"),
      task.may.includes("decideReturn") ? task.decisions.join(" ") : "",
    ],
    [say("field.input"), cleanText(JSON.stringify(task.input))],
    [say("field.output"), task.output === null ? "" : cleanText(JSON.stringify(task.output))],
    [say("field.task.form"), task.form === undefined ? "" : cleanText(JSON.stringify(task.form))],
    ...task.coHandlings.map(
      (asked) => [say("field.task.coHandling"), formatCoHandling(say, asked)] as const,
    ),
  ];
  const shown = fields.filter(([, value]) => value !== "").map(([name, value]) => [name, value]);
  const [first = [], ...rest] = shown;
  const parts = [formatTable(first, rest), "", describeTrail(say, task.trail, output)];
  if (task.trailDropped > 0) parts.push(say("task.trailDropped", { count: task.trailDropped }));
  return parts.join("\n");
}

function formatAsk(say: Say, request: TaskRequestInfo | undefined): string {
  if (request === undefined) return "";
  const { by, reason, extraMs, untilMs } = request;
  const time = untilMs > 0 ? formatTime(untilMs) : formatDuration(extraMs);
  return cleanText(say("task.asks", { who: fullNameOf(by), time, reason }));
}

function formatEvaluation(evaluation: TaskDetailInfo["evaluation"]): string {
  if (evaluation === undefined) return "";
  const { score, by, comment } = evaluation;
  return [`${score}/5`, fullNameOf(by), cleanText(comment)]
    .filter((text) => text !== "")
    .join("  ");
}

function formatCoHandling(say: Say, asked: CoHandlingInfo): string {
  const { id, account, group, required, state, opinion } = asked;
  const words = [id, account === "" ? group : account, wordOf(say, "task.state", state)];
  if (required) words.push(say("task.required"));
  return [...words, cleanText(opinion)].filter((text) => text !== "").join("  ");
}

function describeTrail(say: Say, trail: readonly TaskTrailEntry[], output: Output): string {
  const keys = ["column.time", "column.by", "column.action", "column.to", "column.why"] as const;
  const headings = keys.map((key) => output.paint("heading", say(key)));
  const rows = trail.map(({ atMs, by, what, why, to }) => {
    return [
      formatTime(atMs),
      nameOf(by),
      whatOf(say, what),
      cleanText(to.join(" ")),
      cleanText(why),
    ];
  });
  return formatTable(headings, rows);
}

/** `escalated: offer` is an escalation with its action. */
function whatOf(say: Say, what: string): string {
  const [word = "", ...rest] = what.split(": ");
  return [wordOf(say, "task.what", word), ...rest].join(": ");
}

/** What a newer hub says is shown as it came. */
function wordOf(say: Say, place: "task.what" | "task.state", word: string): string {
  const key = `${place}.${word}`;
  return isTextKey(key) ? say(key) : cleanText(word);
}

function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(textsEn, key);
}
