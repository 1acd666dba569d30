// Planted bugs: mistakes that the checkers must catch, so that a silent checker is noticed. They
// wrap the product's code from outside; the product knows nothing of them.

import { type HubEvent, type HubFact, HubKernel } from "@cloudbrain/hub/kernel";
import {
  type Address,
  type Contribution,
  type Fact,
  mergeAccumulators,
  type NodeDescription,
  type Row,
  type Step,
} from "@cloudbrain/sdk/domain";
import type { Session } from "@cloudbrain/sdk/session";
import type { World } from "./world.ts";

export const plants = [
  /** Outputs, frames and acknowledgements leave before the sync (in sim-node.ts). */
  "effects-before-sync",
  /** A child's partial is added to its earlier one. */
  "delta-aggregation",
  /** A frame that comes again is applied again. */
  "dedupe-off",
  /** Work stays leased to a node whose link is gone. */
  "lease-not-bound",
  /** A start does not find the times that steps wait for in their rows. */
  "timers-in-memory",
  /** A claim takes a task from whoever holds it. */
  "claim-without-compare",
  /** A growing fan-out adds items by their place in the list instead of by their key. */
  "growth-by-place",
  /** A revision is added to the earlier contribution of its member. */
  "revision-adds",
] as const;
export type Plant = (typeof plants)[number];

export function isPlant(text: string): text is Plant {
  return (plants as readonly string[]).includes(text);
}

export function createHubKernel(world: World, description: NodeDescription): HubKernel {
  const { address } = description;
  const { validate, addWorkingTime } = world.scenario;
  const options = {
    address,
    description,
    hasParent: address.lastIndexOf("/") > 0,
    evaluate: world.evaluate,
    validate,
    addWorkingTime,
  };
  switch (world.plant) {
    case "delta-aggregation":
      return new DeltaKernel(options);
    case "dedupe-off":
      return withoutDedupe(new HubKernel(options));
    case "lease-not-bound":
      return new UnboundLeaseKernel(options);
    case "timers-in-memory":
      return new ForgetfulKernel(options);
    case "claim-without-compare":
      return new GreedyClaimKernel(options);
    case "growth-by-place":
      return new PlaceKernel(options);
    case "revision-adds":
      return new AddingKernel(options);
    default:
      return new HubKernel(options);
  }
}

type PartialFact = Fact & {
  readonly fanout: string;
  readonly child: Address;
  readonly replied: number;
  readonly accumulators: readonly [];
};

class DeltaKernel extends HubKernel {
  override apply(fact: Fact, atMs: number): void {
    super.apply(fact.t === "partialReceived" ? this.added(fact as PartialFact) : fact, atMs);
  }

  private added(fact: PartialFact): Fact {
    const fanout = this.state.fanouts.get(fact.fanout);
    const child = fanout?.children.get(fact.child);
    if (fanout === undefined || child === undefined || child.version === 0) return fact;
    const { into } = fanout.aggregate;
    const accumulators = mergeAccumulators(into, child.accumulators, fact.accumulators);
    return { ...fact, accumulators } as Fact;
  }
}

function withoutDedupe(kernel: HubKernel): HubKernel {
  const { state } = kernel;
  const sessionOf = state.session.bind(state);
  state.session = (peer: Address): Session => {
    const session = sessionOf(peer);
    // Everything that comes seems to begin at the first sequence not yet acknowledged as durable.
    session.expects = (lane) => Math.max(1, session.durableIn(lane) - 8);
    return session;
  };
  return kernel;
}

class UnboundLeaseKernel extends HubKernel {
  override apply(fact: Fact, atMs: number): void {
    super.apply(fact, atMs);
    if (fact.t !== "linkDown" && fact.t !== "started") return;
    for (const assignment of this.state.assignments.values()) {
      if (assignment.state === "accepted") assignment.leaseDueMs = 0;
    }
  }
}

class ForgetfulKernel extends HubKernel {
  override restore(row: Row): void {
    super.restore(row);
    for (const { id } of [...this.state.waits.all()]) this.state.waits.drop(id);
  }
}

class GreedyClaimKernel extends HubKernel {
  override step(event: HubEvent, nowMs: number): void {
    const task = event.type === "taskCommand" ? this.state.tasks.get(event.task) : undefined;
    if (event.type !== "taskCommand" || event.command.kind !== "claim" || task === undefined) {
      super.step(event, nowMs);
      return;
    }
    const before = task.state;
    if (before.kind === "claimed") task.state = { kind: "offered" };
    const { version } = task;
    super.step({ ...event, expectedVersion: version }, nowMs);
    if (task.version === version) task.state = before;
  }
}

class PlaceKernel extends HubKernel {
  override step(event: HubEvent, nowMs: number): void {
    if (event.type !== "publish") {
      super.step(event, nowMs);
      return;
    }
    const { application } = event;
    const steps = application.steps.map(keyedByPlace);
    super.step({ ...event, application: { ...application, steps } }, nowMs);
  }
}

function keyedByPlace(step: Step): Step {
  if (step.type !== "fanout" || step.members.by !== "items") return step;
  return { ...step, members: { ...step.members, key: "string(index)" } };
}

class AddingKernel extends HubKernel {
  override apply(fact: Fact, atMs: number): void {
    const known = fact as HubFact;
    super.apply(known.t === "revised" ? this.added(known) : fact, atMs);
  }

  private added(fact: Extract<HubFact, { t: "revised" }>): Fact {
    const before = this.state.fanouts.get(fact.fanout)?.members.get(fact.member)?.contribution;
    const value: Contribution = fact.value.map((item, index) => {
      const earlier = before?.[index];
      return typeof item === "number" && typeof earlier === "number" ? item + earlier : item;
    });
    return { ...fact, value } as Fact;
  }
}
