// Results of dry runs: what a chain would look like, as plain objects.

import type {
  DryRunApplicationResponse,
  PlannedMatch as ProtoMatch,
  PlannedNode as ProtoNode,
  PlannedStep as ProtoStep,
  PlannedVerdict as ProtoVerdict,
} from "@cloudbrain/proto";
import type { Title } from "../domain/index.ts";
import { type NodeState, nodeStates, readTime, readTitle } from "./results.ts";

export const plannedFates = ["runs", "skipped", "depends", "stuck"] as const;
/** `stuck`: it would wait for a person. */
export type PlannedFate = (typeof plannedFates)[number];

/** What a chain would look like. Times are ms since 1970, 0 for "not known" or "none". */
export interface ChainPlanInfo {
  readonly id: string;
  readonly version: string;
  readonly title: Title;
  readonly atMs: number;
  readonly dueMs: number;
  /** Working calendar of the deadline of the whole; empty for elapsed time. */
  readonly calendar: string;
  /** In an order in which they could run. */
  readonly steps: readonly PlannedStepInfo[];
  /** fail, suspend or compensate. */
  readonly onFailure: string;
  /** keep or compensate. */
  readonly onCancel: string;
  /** In the order in which things would be undone, if the chain went back on what it did. */
  readonly compensation: readonly PlannedCompensationInfo[];
}

/** What became of one node in a match. */
export interface NodeVerdictInfo {
  readonly address: string;
  /** Undefined: the hub does not know the node. */
  readonly state: NodeState | undefined;
  /** From 1, best first; 0: it does not match. */
  readonly rank: number;
  /** The first condition that it fails; empty when it matches. */
  readonly condition: string;
  /** What was seen there instead of what was wanted, at most 200 characters. */
  readonly seen: string;
}

/** Why every node that the hub knows is matched or not. */
export interface PlannedMatchInfo {
  /** Nodes that the hub knows: those that match and those that are turned away. */
  readonly known: number;
  /** In the order in which they are asked. */
  readonly conditions: readonly {
    /** capability, state, fanout.level, fanout.scope, level, region, industry, where or policy. */
    readonly name: string;
    /** A value, or the expression that has to be true. */
    readonly wanted: string;
    /** Nodes that passed the conditions before it and fail this one. */
    readonly nodes: number;
    /** The first 3 of them, by address. */
    readonly examples: readonly NodeVerdictInfo[];
  }[];
  /** As the options asked: those named, those that match best first, those turned away. */
  readonly nodes: readonly NodeVerdictInfo[];
  readonly nodesMore: number;
  /** Why the match itself can't be evaluated; empty when it can. */
  readonly problem: string;
  /** Index of the item that this is about; undefined where all is matched alike. */
  readonly item: number | undefined;
}

/** What would undo a step, or its members one by one (补偿). */
export interface PlannedCompensationInfo {
  readonly step: string;
  readonly members: boolean;
  readonly capability: string;
  /** What there would be to undo at most; 0 when that is not known yet. */
  readonly count: number;
  /** Of those looked at (at most 200 where each is matched by itself): undone by who did it, */
  readonly bySame: number;
  /** by another node, */
  readonly byOther: number;
  /** or by nobody: the chain would wait for a person. */
  readonly byNobody: number;
  /** Who would undo a step; undefined for members. */
  readonly node: PlannedNodeInfo | undefined;
  /** Why nodes match or not. */
  readonly explanation: string;
  /** Steps whose output decides what is not known yet. */
  readonly dependsOn: readonly string[];
  /** Why nobody could; empty when somebody could, or when that is not known yet. */
  readonly problem: string;
  /** Time for one attempt. */
  readonly finishMs: number;
  readonly attemptsMax: number;
}

export interface PlannedNodeInfo {
  readonly address: string;
  readonly title: Title;
  readonly state: NodeState;
}

export interface PlannedStepInfo {
  readonly id: string;
  readonly type: string;
  readonly title: Title;
  /** Ids, with `:failed` or `:partial` where the step waits for that. */
  readonly needs: readonly string[];
  readonly fate: PlannedFate;
  readonly reason: string;
  /** Steps whose output decides what is not known yet. */
  readonly dependsOn: readonly string[];
  readonly node: PlannedNodeInfo | undefined;
  /** Best first, at most 10. */
  readonly others: readonly PlannedNodeInfo[];
  readonly candidates: number;
  /** Why nodes match or not, in one sentence. */
  readonly explanation: string;
  /** Undefined for what needs no node. */
  readonly match: PlannedMatchInfo | undefined;
  readonly members: number;
  /** By child of the hub, largest first, at most 200. */
  readonly shares: readonly {
    readonly address: string;
    readonly title: Title;
    readonly members: number;
  }[];
  readonly sharesMore: number;
  /** Some of the members, at most 20. */
  readonly sample: readonly PlannedNodeInfo[];
  /** Items for which no node matches. */
  readonly unmatched: number;
  /** Hub that would hold the task of a human step; empty for every other step. */
  readonly desk: string;
  /** Who could take the task: a name, or the expression that gives it, beginning with `=`. */
  readonly people: readonly {
    /** users, groups, roles or departments. */
    readonly kind: string;
    readonly name: string;
  }[];
  readonly deadlines: readonly {
    readonly name: string;
    readonly durationMs: number;
    /** Were the step to begin at its latest start. */
    readonly atMs: number;
    readonly calendar: string;
  }[];
  readonly latestStartMs: number;
  readonly latestEndMs: number;
}

export function readPlan(plan: DryRunApplicationResponse): ChainPlanInfo {
  const { id, version, calendar } = plan;
  return {
    id,
    version,
    title: readTitle(plan.title),
    atMs: readTime(plan.time),
    dueMs: readTime(plan.dueTime),
    calendar,
    steps: plan.steps.map(readStep),
    onFailure: plan.onFailure,
    onCancel: plan.onCancel,
    compensation: plan.compensation.map(({ node, ...compensation }) => ({
      ...compensation,
      node: node === undefined ? undefined : readNode(node),
    })),
  };
}

function readStep(step: ProtoStep): PlannedStepInfo {
  const { id, type, needs, reason, dependsOn, candidates, explanation, members } = step;
  const { sharesMore, unmatched } = step;
  return {
    id,
    type,
    title: readTitle(step.title),
    needs,
    fate: plannedFates[step.fate - 1] ?? "depends",
    reason,
    dependsOn,
    node: step.node === undefined ? undefined : readNode(step.node),
    others: step.others.map(readNode),
    candidates,
    explanation,
    match: step.match === undefined ? undefined : readMatch(step.match),
    members,
    shares: step.shares.map((share) => ({ ...share, title: readTitle(share.title) })),
    sharesMore,
    sample: step.sample.map(readNode),
    unmatched,
    desk: step.desk,
    people: step.people,
    deadlines: step.deadlines.map(({ name, durationMs, time, calendar }) => ({
      name,
      durationMs,
      atMs: readTime(time),
      calendar,
    })),
    latestStartMs: readTime(step.latestStartTime),
    latestEndMs: readTime(step.latestEndTime),
  };
}

function readNode({ address, title, state }: ProtoNode): PlannedNodeInfo {
  return { address, title: readTitle(title), state: nodeStates[state - 1] ?? "offline" };
}

function readMatch(match: ProtoMatch): PlannedMatchInfo {
  return {
    known: match.known,
    conditions: match.conditions.map((condition) => ({
      ...condition,
      examples: condition.examples.map(readVerdict),
    })),
    nodes: match.nodes.map(readVerdict),
    nodesMore: match.nodesMore,
    problem: match.problem,
    item: match.item,
  };
}

function readVerdict(verdict: ProtoVerdict): NodeVerdictInfo {
  return { ...verdict, state: nodeStates[verdict.state - 1] };
}
