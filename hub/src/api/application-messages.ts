// Registrations and plans as messages.

import type {
  ApplicationRegistration,
  DryRunApplicationResponse,
  HubRegistration,
  PlannedNode as ProtoNode,
  PlannedStep as ProtoStep,
} from "@cloudbrain/proto";
import { protoNeed, protoTitle } from "@cloudbrain/sdk/codec";
import type { NodeDescription, RegistrationReport, Title } from "@cloudbrain/sdk/domain";
import type {
  ChainPlan,
  HubKernel,
  PlannedNode,
  PlannedStep,
  RegistrationView,
} from "../kernel/index.ts";
import { nodeStates } from "./management-services.ts";

type HubState = HubKernel["state"];

const noTitle: Title = { zh: "" };

export function protoRegistration(
  state: HubState,
  self: NodeDescription,
  view: RegistrationView,
): ApplicationRegistration {
  const titleOf = (address: NodeDescription["address"]): Title =>
    address === self.address
      ? self.title
      : (state.nodes.get(address)?.description.title ?? noTitle);
  const hub = (
    address: NodeDescription["address"],
    report: RegistrationReport | undefined,
    answeredAtMs: number,
  ): HubRegistration => ({
    address,
    title: protoTitle(titleOf(address)),
    registered: report !== undefined,
    answerTime: timeOf(answeredAtMs === 0 ? undefined : answeredAtMs),
    hubs: report?.hubs ?? 0,
    pending: report?.pending ?? 0,
    counts: [...(report?.counts ?? [])],
    gaps: (report?.gaps ?? []).map((gap) => ({ gap, title: protoTitle(titleOf(gap.hub)) })),
    gapsMore: report?.gapsMore ?? 0,
  });
  return {
    needs: view.needs.map(protoNeed),
    counts: [...view.total.counts],
    hubs: [
      hub(self.address, view.own, 0),
      ...view.children.map(({ address, report, answeredAtMs }) =>
        hub(address, report, answeredAtMs),
      ),
    ],
    unmet: [...view.unmet],
    registered: view.total.hubs,
    pending: view.total.pending,
  };
}

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

function protoNode({ address, title, state }: PlannedNode): ProtoNode {
  return { address, title: protoTitle(title), state: nodeStates.indexOf(state) + 1 };
}

function timeOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
