// Plans as messages.

import type {
  DryRunApplicationResponse,
  PlannedMatch as ProtoMatch,
  PlannedNode as ProtoNode,
  PlannedStep as ProtoStep,
  PlannedVerdict as ProtoVerdict,
} from "@cloudbrain/proto";
import { protoTitle } from "@cloudbrain/sdk/codec";
import type { Title } from "@cloudbrain/sdk/domain";
import type {
  ChainPlan,
  NodeVerdict,
  PlannedMatch,
  PlannedNode,
  PlannedStep,
} from "../kernel/index.ts";
import { nodeStates } from "./management-services.ts";

const noTitle: Title = { zh: "" };
const fates = ["runs", "skipped", "depends", "stuck"];

export function protoPlan(plan: ChainPlan): DryRunApplicationResponse {
  const { id, version, title, atMs, dueMs, calendar } = plan;
  return {
    id,
    version,
    title: protoTitle(title),
    time: timeOf(atMs),
    dueTime: timeOf(dueMs),
    steps: plan.steps.map(protoStep),
    calendar,
    onFailure: plan.onFailure,
    onCancel: plan.onCancel,
    compensation: plan.compensation.map(({ of, node, dependsOn, ...compensation }) => ({
      ...compensation,
      members: of === "members",
      node: node === undefined ? undefined : protoNode(node),
      dependsOn: [...dependsOn],
    })),
  };
}

function protoStep(step: PlannedStep): ProtoStep {
  const { id, type, reason, candidates, explanation, members, sharesMore, unmatched } = step;
  return {
    id,
    type,
    title: protoTitle(step.title ?? noTitle),
    needs: [...step.needs],
    fate: fates.indexOf(step.fate) + 1,
    reason,
    dependsOn: [...step.dependsOn],
    node: step.node === undefined ? undefined : protoNode(step.node),
    others: step.others.map(protoNode),
    candidates,
    explanation,
    match: step.match === undefined ? undefined : protoMatch(step.match),
    members,
    shares: step.shares.map((share) => ({ ...share, title: protoTitle(share.title) })),
    sharesMore,
    sample: step.sample.map(protoNode),
    unmatched,
    desk: step.desk,
    people: [...step.people],
    deadlines: step.deadlines.map(({ name, durationMs, atMs, calendar }) => ({
      name,
      durationMs,
      time: timeOf(atMs),
      calendar,
    })),
    latestStartTime: timeOf(step.latestStartMs),
    latestEndTime: timeOf(step.latestEndMs),
  };
}

function protoMatch({ conditions, nodes, ...match }: PlannedMatch): ProtoMatch {
  return {
    ...match,
    conditions: conditions.map(({ condition, examples, ...count }) => ({
      ...count,
      name: condition,
      examples: examples.map(protoVerdict),
    })),
    nodes: nodes.map(protoVerdict),
  };
}

function protoVerdict({ node, state, ...verdict }: NodeVerdict): ProtoVerdict {
  return { ...verdict, address: node, state: nodeStates.indexOf(state ?? "") + 1 };
}

function protoNode({ address, title, state }: PlannedNode): ProtoNode {
  return { address, title: protoTitle(title), state: nodeStates.indexOf(state) + 1 };
}

function timeOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
