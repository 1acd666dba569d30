// Worklist: what a person finds to do at a desk, page by page. A page walks the lists of the
// person's keys side by side, in order, and stops when it is full.

import {
  type Address,
  type JsonValue,
  limits,
  MeshError,
  type TaskActor,
  type TaskAsk,
  type TaskFilter,
  type TaskLight,
  type TaskOrder,
  type TaskPerson,
  type Title,
} from "@cloudbrain/sdk/domain";
import type { HubState } from "./state.ts";
import { askOf, isSupervisor, maySee } from "./task-rights.ts";
import {
  holderOf,
  responsibleFor,
  type Task,
  type TaskState,
  type TrailEntry,
} from "./task-state.ts";
import { lightOf } from "./task-times.ts";
import { comparePlaces, type Place, placeAfter, shownDueMs } from "./worklist-index.ts";
import {
  allKey,
  departmentKey,
  groupKey,
  historyKey,
  mineKey,
  roleKey,
  userKey,
} from "./worklist-keys.ts";

export interface WorklistQuery {
  readonly actor: TaskActor;
  readonly filter: TaskFilter;
  readonly state?: TaskState["kind"];
  readonly light?: TaskLight;
  /** Id of an application. */
  readonly application?: string;
  /** Part of the title, the task's or the chain's id, or the node's address. */
  readonly text?: string;
  readonly order?: TaskOrder;
  /** `next` of the page before. */
  readonly after?: string;
  readonly limit?: number;
}

/** A task as a list shows it. */
export interface TaskSummary {
  readonly id: string;
  readonly chain: string;
  readonly step: string;
  readonly application: string;
  readonly title: Title;
  readonly about: Address;
  readonly priority: number;
  readonly state: TaskState["kind"];
  readonly version: number;
  readonly holder: TaskPerson | undefined;
  /** Who answers for it while the holder works on it. */
  readonly owner: TaskPerson | undefined;
  readonly openedAtMs: number;
  /** Of a task that hangs, its date; of an ended one, its end. */
  readonly dueMs: number;
  readonly light: TaskLight;
  readonly supervised: boolean;
  readonly reminders: number;
  /** What it waits for the actor to do. */
  readonly ask: TaskAsk | undefined;
}

export interface WorklistPage {
  readonly tasks: readonly TaskSummary[];
  /** Where the next page begins; empty at the end. */
  readonly next: string;
}

/** Everything about one task. */
export interface TaskDetail extends TaskSummary {
  readonly input: JsonValue;
  readonly form: JsonValue | undefined;
  readonly actions: Task["spec"]["actions"];
  readonly candidates: Task["candidates"];
  readonly current: TaskState;
  readonly extension: Task["extension"];
  readonly extensionsGranted: number;
  readonly hanging: Task["hanging"];
  readonly coHandlers: Task["coHandlers"];
  readonly supervision: Task["supervision"];
  readonly evaluation: Task["evaluation"];
  readonly trail: readonly TrailEntry[];
  /** How many entries of the trail only the journal has. */
  readonly trailDropped: number;
}

export interface WorklistCounts {
  readonly mine: number;
  readonly offered: number;
  readonly red: number;
  readonly yellow: number;
}

const pageDefault = 50;

export function worklistPage(state: HubState, query: WorklistQuery, nowMs: number): WorklistPage {
  const { actor, filter, order = "due" } = query;
  if (filter === "all" && !isSupervisor(actor)) {
    throw new MeshError("NOT_ALLOWED", { detail: "all tasks of a desk are for its supervisors" });
  }
  const limit = Math.max(1, Math.min(query.limit ?? pageDefault, limits.worklistPageMax));
  const tasks: TaskSummary[] = [];
  let last = "";
  for (const place of walk(state, keysFor(actor, filter), order, parsePlace(query.after))) {
    const task = state.tasks.get(place.id);
    if (task === undefined || !isShown(task, query, nowMs)) continue;
    if (tasks.length === limit) return { tasks, next: last };
    tasks.push(summaryOf(task, actor, nowMs));
    last = formatPlace(place);
  }
  return { tasks, next: "" };
}

/** The numbers beside a person's lists; they walk the lists of this person alone. */
export function worklistCounts(state: HubState, actor: TaskActor, nowMs: number): WorklistCounts {
  const counts = { mine: 0, offered: 0, red: 0, yellow: 0 };
  for (const filter of ["mine", "offered"] as const) {
    for (const { id } of walk(state, keysFor(actor, filter), "due", undefined)) {
      const task = state.tasks.get(id);
      if (task === undefined || !isShown(task, { actor, filter }, nowMs)) continue;
      counts[filter] += 1;
      const light = lightOf(task, nowMs);
      if (filter === "mine" && light !== "green") counts[light] += 1;
    }
  }
  return counts;
}

function visibleTask(state: HubState, id: string, actor: TaskActor): Task | undefined {
  const task = state.tasks.get(id);
  return task === undefined || task.archived || !maySee(task, actor) ? undefined : task;
}

/** Undefined for a task that is not here, and for one that is no business of the actor. */
export function taskSummary(
  state: HubState,
  id: string,
  actor: TaskActor,
  nowMs: number,
): TaskSummary | undefined {
  const task = visibleTask(state, id, actor);
  return task === undefined ? undefined : summaryOf(task, actor, nowMs);
}

/** As `taskSummary`, with everything about the task. */
export function taskDetail(
  state: HubState,
  id: string,
  actor: TaskActor,
  nowMs: number,
): TaskDetail | undefined {
  const task = visibleTask(state, id, actor);
  if (task === undefined) return undefined;
  const { spec, candidates, extension, extensionsGranted, hanging, coHandlers } = task;
  return {
    ...summaryOf(task, actor, nowMs),
    input: parseInput(task.input),
    form: spec.form,
    actions: spec.actions,
    candidates,
    current: task.state,
    extension,
    extensionsGranted,
    hanging,
    coHandlers,
    supervision: task.supervision,
    evaluation: task.evaluation,
    trail: task.trail,
    trailDropped: task.trailDropped,
  };
}

function parseInput(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // What a foreign origin has sent is shown as it came.
    return text;
  }
}

function summaryOf(task: Task, actor: TaskActor, nowMs: number): TaskSummary {
  const { spec, state } = task;
  const holder = holderOf(task);
  const owner = responsibleFor(task);
  return {
    id: task.id,
    chain: task.chain,
    step: task.step,
    application: spec.application,
    title: spec.title,
    about: spec.about,
    priority: spec.priority,
    state: state.kind,
    version: task.version,
    holder,
    owner: owner === holder ? undefined : owner,
    openedAtMs: task.openedAtMs,
    dueMs: shownDueMs(task),
    light: lightOf(task, nowMs),
    supervised: task.supervision !== undefined,
    reminders: task.reminders,
    ask: askOf(task, actor),
  };
}

function keysFor(actor: TaskActor, filter: WorklistQuery["filter"]): readonly string[] {
  const { account, department, groups, roles } = actor;
  switch (filter) {
    case "mine":
      return [mineKey(account)];
    case "department":
      return department === "" ? [] : [departmentKey(department)];
    case "all":
      return [allKey];
    case "history":
      return [historyKey(account)];
    case "offered": {
      const places = new Set([userKey(account), ...groups.map(groupKey)]);
      for (const role of new Set(["", ...roles])) {
        for (const where of new Set(["", department])) places.add(roleKey(role, where));
      }
      return [...places];
    }
  }
}

/** Lists by key are wide: what is offered must be for this very person. */
function isShown(
  task: Task,
  query: Pick<WorklistQuery, "actor" | "filter" | "state" | "light" | "application" | "text">,
  nowMs: number,
): boolean {
  const { actor, filter, state, light, application, text } = query;
  if (filter === "offered") {
    const ask = askOf(task, actor);
    if (ask === undefined || ask === "work" || ask === "watch") return false;
  }
  if (state !== undefined && task.state.kind !== state) return false;
  if (application !== undefined && task.spec.application !== application) return false;
  if (light !== undefined && lightOf(task, nowMs) !== light) return false;
  return text === undefined || text === "" || hasText(task, text);
}

function hasText({ id, spec }: Task, text: string): boolean {
  const { title, about } = spec;
  return [id, title.zh, title.en ?? "", about].some((part) => part.includes(text));
}

/** The places of several lists as one, each task once. */
function* walk(
  state: HubState,
  keys: readonly string[],
  order: TaskOrder,
  after: Place | undefined,
): Generator<Place> {
  const lists = keys
    .map((key) => state.worklists.list(key, order))
    .filter((list) => list.length > 0);
  const positions = lists.map((list) => (after === undefined ? 0 : placeAfter(list, after)));
  for (;;) {
    let least: Place | undefined;
    for (const [index, list] of lists.entries()) {
      const place = list[positions[index] ?? 0];
      if (place === undefined) continue;
      if (least === undefined || comparePlaces(place, least) < 0) least = place;
    }
    if (least === undefined) return;
    for (const [index, list] of lists.entries()) {
      const at = positions[index] ?? 0;
      if (list[at]?.id === least.id) positions[index] = at + 1;
    }
    yield least;
  }
}

function formatPlace({ first, second, id }: Place): string {
  return `${first}~${second}~${id}`;
}

function parsePlace(text: string | undefined): Place | undefined {
  if (text === undefined || text === "") return undefined;
  const [first = "", second = "", ...rest] = text.split("~");
  const place = { first: Number(first), second: Number(second), id: rest.join("~") };
  if (!Number.isFinite(place.first) || !Number.isFinite(place.second) || place.id === "") {
    const detail = "it is no place in a worklist: take `next` of a page as it came";
    throw new MeshError("INPUT_INVALID", { subject: "after", detail });
  }
  return place;
}
