// Registrations as messages.

import type { ApplicationRegistration, HubRegistration } from "@cloudbrain/proto";
import { protoNeed, protoTitle } from "@cloudbrain/sdk/codec";
import type { NodeDescription, RegistrationReport, Title } from "@cloudbrain/sdk/domain";
import type { HubKernel, RegistrationView } from "../kernel/index.ts";

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
    answerTime: answeredAtMs === 0 ? undefined : new Date(answeredAtMs),
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
