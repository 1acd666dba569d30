// Steps: what an operator does to a chain by hand.
//
//   O1  Who and why stand in the fact, and in the chain as a note that anybody may read.
//   O2  Nothing by hand breaks a rule: attempts grow, an ended chain stays ended, what is taken
//       back is told to stop.
//   O3  A step whose failure another step has answered is not run again: both would count.

import { type Address, limits } from "@cloudbrain/sdk/domain";
import { ruleOf } from "./apply-assignment.ts";
import { memberAssignmentId, runId } from "./apply-chain.ts";
import { type Deciding, refuse, reply } from "./deciding.ts";
import type { HubEvent } from "./events.ts";
import { summaryOf } from "./fanout-fold.ts";
import { recordOf } from "./registry.ts";
import { type Assignment, type Chain, type StepRun, taskId } from "./state.ts";
import { chainFor } from "./step-chain.ts";
import { type OtherOffer, otherDesk } from "./step-human.ts";
import { findOther, isMovable, offerTo } from "./step-work.ts";
import { chainDue } from "./working-due.ts";

export type OperatorEvent = Extract<
  HubEvent,
  { type: "retry" | "suspend" | "resume" | "skip" | "rematch" }
>;
type EventOf<Type extends OperatorEvent["type"]> = Extract<OperatorEvent, { type: Type }>;

/** A sentence why it can't be done, or undefined when it is done. */
type Refusal = string | undefined;

export function stepOperate(deciding: Deciding, event: OperatorEvent): void {
  const chain = chainFor(deciding, event.request, event.chain);
  if (chain === undefined) return;
  const refusal = operate(deciding, chain, event);
  if (refusal !== undefined) {
    refuse(deciding, event.request, "CHAIN_INVALID", refusal);
    return;
  }
  deciding.review(chain.id);
  reply(deciding, event.request, { kind: "done" });
}

function operate(deciding: Deciding, chain: Chain, event: OperatorEvent): Refusal {
  switch (event.type) {
    case "suspend":
      return holdChain(deciding, chain, event.by, event.reason);
    case "resume":
      return resumeChain(deciding, chain, event.by, event.reason);
    case "retry":
      return event.step === undefined
        ? retryChain(deciding, chain, event)
        : retryStep(deciding, chain, { ...event, step: event.step });
    case "skip":
      return skipStep(deciding, chain, event);
    case "rematch":
      return rematchStep(deciding, chain, event);
  }
}

function holdChain(deciding: Deciding, chain: Chain, by: string, why: string): Refusal {
  if (chain.state !== "running") return `the chain is ${chain.state}: ${chain.reason}`;
  const reason = `suspended by ${by}: ${why}`;
  deciding.decide({ t: "chainSuspended", chain: chain.id, reason, by, why });
  return undefined;
}

function resumeChain(deciding: Deciding, chain: Chain, by: string, why: string): Refusal {
  if (!chain.held) {
    return chain.state === "suspended"
      ? "nobody holds the chain: retry or skip what is suspended in it"
      : `the chain is ${chain.state}`;
  }
  deciding.decide({ t: "chainResumed", chain: chain.id, by, why });
  return undefined;
}

function retryChain(deciding: Deciding, chain: Chain, event: EventOf<"retry">): Refusal {
  if (chain.state !== "suspended") {
    return `the chain is ${chain.state}; only a suspended chain is retried`;
  }
  const { application, compensation } = chain;
  // What is undone has no deadline.
  const isDueUnknown =
    chain.dueMs === 0 && application.calendar !== undefined && compensation === undefined;
  const due = isDueUnknown ? chainDue(deciding, application, chain.startedAtMs) : undefined;
  if (due?.ok === false) return due.reason;
  const { by, reason: why } = event;
  deciding.decide({
    t: "chainRetried",
    chain: chain.id,
    ...(by === undefined ? {} : { by }),
    ...(why === undefined ? {} : { why }),
    ...(due === undefined ? {} : { dueMs: due.dueMs }),
  });
  return undefined;
}

function retryStep(
  deciding: Deciding,
  chain: Chain,
  event: EventOf<"retry"> & { readonly step: string },
): Refusal {
  const run = stuckStep(chain, event.step);
  if (typeof run === "string") return run;
  const { by = "", reason: why = "" } = event;
  deciding.decide({ t: "stepRetried", chain: chain.id, step: run.id, by, why });
  return undefined;
}

/** A step that is suspended, or failed without any other step having answered that. */
function stuckStep(chain: Chain, id: string): StepRun | string {
  const run = knownStep(chain, id);
  if (typeof run === "string") return run;
  if (run.state !== "suspended" && run.state !== "failed") {
    return `step ${id} is ${run.state}; only a suspended or failed step is retried`;
  }
  return answeredBy(chain, run) ?? run;
}

function knownStep(chain: Chain, id: string): StepRun | string {
  if (chain.state === "cancelling") return "the chain is being cancelled";
  if (chain.compensation !== undefined) {
    return "the chain undoes what it did: retry it as a whole, or cancel it to leave the rest";
  }
  return anyStep(chain, id);
}

function anyStep(chain: Chain, id: string): StepRun | string {
  const run = chain.steps.get(id);
  if (run !== undefined) return run;
  return `chain ${chain.id} has no step ${id}: it has ${[...chain.steps.keys()].join(", ")}`;
}

function answeredBy(chain: Chain, run: StepRun): Refusal {
  if (run.state !== "failed") return undefined;
  const answer = chain.application.steps.find(
    (step) =>
      step.needs.some((need) => need.step === run.id) &&
      chain.steps.get(step.id)?.state !== "waiting",
  );
  if (answer === undefined) return undefined;
  return `step ${run.id} has failed and ${answer.id} has gone on without it`;
}

function skipStep(deciding: Deciding, chain: Chain, event: EventOf<"skip">): Refusal {
  const run = knownStep(chain, event.step);
  if (typeof run === "string") return run;
  if (run.state !== "running" && run.state !== "suspended" && run.state !== "failed") {
    return `step ${run.id} is ${run.state}; only one that is stuck is skipped`;
  }
  const answered = answeredBy(chain, run);
  if (answered !== undefined) return answered;
  const { by, reason: why, output } = event;
  const fanout = deciding.state.fanouts.get(runId(chain.id, run.id, run.visit));
  // What grows with it, and later steps, read what it has come to.
  const told = fanout?.stage === "open" ? { summary: summaryOf(fanout) } : {};
  deciding.decide({ t: "stepSkipped", chain: chain.id, step: run.id, by, why, output, ...told });
  return undefined;
}

function rematchStep(deciding: Deciding, chain: Chain, event: EventOf<"rematch">): Refusal {
  const undoing = chain.compensation?.tasks.find(
    ({ step, state }) => step === event.step && state === "running",
  );
  const run = undoing === undefined ? knownStep(chain, event.step) : anyStep(chain, event.step);
  if (typeof run === "string") return run;
  const own = undoing === undefined ? runId(chain.id, run.id, run.visit) : taskId(undoing);
  const id = event.member === undefined ? own : memberAssignmentId(own, event.member);
  const assignment = deciding.state.assignments.get(id);
  if (assignment === undefined) {
    const member = deciding.state.fanouts.get(own)?.members.get(event.member ?? "");
    if (member?.state === "queued") return `${member.key} waits for its turn: it has no node yet`;
    return `no instruction ${id} is under way at this hub: the step is ${run.state}`;
  }
  if (!isMovable(assignment)) return "a member of a level is its own node";
  if (assignment.attempt >= limits.attemptsMax) return "it was offered too often";
  const node = chooseNode(deciding, assignment, event.node);
  if (!node.ok) return node.reason;
  const { by, reason: why } = event;
  offerTo(deciding, assignment, node.offer, { by, why });
  deciding.changed(chain.id);
  return undefined;
}

function chooseNode(
  deciding: Deciding,
  assignment: Assignment,
  wanted: Address | undefined,
):
  | { readonly ok: true; readonly offer: OtherOffer }
  | { readonly ok: false; readonly reason: string } {
  const match = ruleOf(deciding.state, assignment.owner)?.match;
  if (wanted === undefined) {
    const other = findOther(deciding, assignment, match);
    if (other !== undefined) return { ok: true, offer: other };
    return { ok: false, reason: `no other node that matches is online: ${assignment.node} has it` };
  }
  const isForPeople = assignment.task !== undefined;
  const record = isForPeople ? recordOf(deciding.state, wanted) : deciding.state.nodes.get(wanted);
  const capability = match?.capability ?? "";
  if (record === undefined || record.state === "retired") {
    return { ok: false, reason: `no node ${wanted} is registered at or below this hub` };
  }
  if (!record.description.capabilities.includes(capability)) {
    return { ok: false, reason: `${wanted} does not offer ${capability}` };
  }
  if (assignment.task === undefined) return { ok: true, offer: { node: wanted } };
  const desk = otherDesk(deciding, assignment, [record]);
  if (desk !== undefined) return { ok: true, offer: desk };
  return { ok: false, reason: `${wanted} has had the task already, or nobody there can take it` };
}
