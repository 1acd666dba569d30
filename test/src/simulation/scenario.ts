// Scenario: what a world is about: its nodes, what is published there, who asks for what, who works
// where, what is answered, and what the checkers may expect of it.

import type { TaskSummary } from "@cloudbrain/hub/kernel";
import {
  type AddWorkingTime,
  type Application,
  type JsonObject,
  type JsonValue,
  supervisorsGroup,
  type TaskActor,
  type TaskCommand,
  type Validate,
} from "@cloudbrain/sdk/domain";
import { drawCollaboration } from "./collaboration.ts";
import type { Dice } from "./dice.ts";
import { drawApplications, drawTopology, numberOf, type Topology } from "./scenarios.ts";
import type { SimHub } from "./sim-hub.ts";
import { addWorkingTime, drawWaitingApplications } from "./waiting-scenarios.ts";

/** The people of a world and their manners. */
export interface Staff {
  at(hub: string): readonly TaskActor[];
  /** How likely somebody takes a detour in a world with faults, whatever else is bad there. */
  readonly restless: number;
  /** What somebody may do to a task that is not theirs, such as to remind its holder. */
  asides(hub: SimHub, actor: TaskActor, task: TaskSummary): readonly TaskCommand[];
  /** Whether this person may give a task back that nobody has claimed. */
  sendsBack(actor: TaskActor): boolean;
  /** What the dispatch desk may say to a returned task; one is drawn. */
  decisions(task: TaskSummary): readonly ReturnDecision[];
  /** What somebody may do to a task that they hold instead of doing it. */
  detours(hub: SimHub, actor: TaskActor, task: TaskSummary): readonly TaskCommand[];
  /** What is filled in beside the tag that the checkers follow. */
  formOf(task: TaskSummary, tag: string): JsonObject;
}

export type ReturnDecision = Extract<TaskCommand, { kind: "decideReturn" }>["decision"];

/** What somebody asks a hub for. */
export interface Wish {
  readonly application: string;
  readonly input: JsonObject;
}

/** A signal from outside for a chain whose gate waits. */
export interface Notice {
  readonly chain: string;
  readonly name: string;
  readonly payload: JsonObject;
}

export interface Scenario {
  readonly topology: Topology;
  /** All that are published at every hub. */
  readonly applications: readonly Application[];
  /** Those that clients start; without faults each of their chains succeeds. */
  readonly started: readonly Application[];
  readonly staff: Staff;
  readonly validate: Validate;
  readonly addWorkingTime: AddWorkingTime;
  /** Attempts that an application allows without any disturbance. */
  readonly attemptsMax: number;
  /** Absent: clients draw it from what is started. */
  wish?(key: string): Wish;
  /** What a system answers beside the tag. */
  answerOf(capability: string, tag: string): JsonObject;
  /** What the aggregate of a step must say of these answers, by name of the reducer. */
  figuresOf(application: string, step: string, tags: readonly string[]): JsonObject;
  /** What the world outside has to tell the chains of a hub now. */
  notices(hub: SimHub): readonly Notice[];
}

/** Topology and applications that a seed draws, or those of a test that tells a story. */
export function drawnScenario(
  dice: Dice,
  given: {
    readonly plain: boolean;
    readonly topology?: Topology | undefined;
    readonly applications?: readonly Application[] | undefined;
  },
): Scenario {
  const draw = given.plain ? drawApplications : drawCollaboration;
  const started = given.applications ?? draw(dice);
  const waiting =
    given.applications === undefined ? drawWaitingApplications(dice, started[0]?.steps ?? []) : [];
  return {
    topology: given.topology ?? drawTopology(dice),
    applications: [...started, ...waiting],
    started,
    staff: clerks,
    validate: () => undefined,
    addWorkingTime,
    attemptsMax: 4,
    answerOf: () => ({}),
    figuresOf: (_application, _step, tags) => figuresOfNumbers(tags),
    notices: () => [],
  };
}

function figuresOfNumbers(tags: readonly string[]): JsonObject {
  const values = tags.map(numberOf);
  const sum = values.reduce((total, value) => total + value, 0);
  const isEmpty = values.length === 0;
  return {
    avg: isEmpty ? null : sum / values.length,
    big: values.filter((value) => value >= 500).length,
    count: values.length,
    max: isEmpty ? null : Math.max(...values),
    min: isEmpty ? null : Math.min(...values),
    sum,
  } satisfies Record<string, JsonValue>;
}

export function person(account: string, groups: readonly string[]): TaskActor {
  return { account, name: account, department: "hall", area: "", groups, roles: [] };
}

const people: readonly TaskActor[] = [
  person("wang", ["clerks"]),
  person("li", ["clerks"]),
  person("zhao", ["clerks", "helpers"]),
  person("desk", ["dispatch"]),
  person("chief", [supervisorsGroup]),
];

const reason = "as the simulation wished";
const helper = { account: "li", name: "li", department: "hall" };

/** The same few people at every hub. */
const clerks: Staff = {
  at: () => people,
  restless: 0,
  asides: () => [],
  sendsBack: ({ groups }) => groups.includes("clerks"),
  decisions: () => {
    const insist = { kind: "insist" } as const;
    return [{ kind: "reject" }, insist, insist, insist, insist];
  },
  detours(hub) {
    const nowMs = hub.journal?.now() ?? 0;
    return [
      { kind: "unclaim", reason },
      { kind: "return", reason },
      { kind: "transfer", to: { kind: "group", group: "clerks" }, reason },
      { kind: "delegate", to: helper, reason },
      { kind: "requestExtension", extraMs: 5_000, reason },
      { kind: "requestHanging", untilMs: nowMs + 30_000, reason },
      { kind: "askCoHandler", to: { kind: "group", group: "helpers" }, required: true, reason },
    ];
  },
  formOf: () => ({}),
};
