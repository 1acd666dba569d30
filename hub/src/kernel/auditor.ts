// Auditor: what must hold between any two commits, checked in the simulator after every event and
// in production in the background. The numbers are those of docs/invariants.md.

import { isWithin } from "@cloudbrain/sdk/domain";
import { memberAssignmentId, runId } from "./apply-chain.ts";
import {
  type Assignment,
  assignmentDueMs,
  type Chain,
  endedChainStates,
  endedStepStates,
  type Fanout,
  type HubState,
  type StepWait,
  taskId,
} from "./state.ts";
import { auditTasks } from "./task-auditor.ts";

export interface Violation {
  readonly rule: "I3" | "I4" | "I5" | "I6" | "I7" | "I8" | "I9" | "I10" | "I11" | "I15";
  readonly subject: string;
  readonly detail: string;
}

export function audit(state: HubState): readonly Violation[] {
  const found: Violation[] = [];
  const note = (rule: Violation["rule"], subject: string, detail: string): void => {
    found.push({ rule, subject, detail });
  };
  for (const chain of state.chains.values()) auditChain(state, chain, note);
  for (const fanout of state.fanouts.values()) auditFanout(state, fanout, note);
  for (const { id, chain, step } of state.waits.all()) {
    const run = state.chains.get(chain)?.steps.get(step);
    if (run?.state !== "running") note("I10", id, "a wait of a step that does not run");
  }
  for (const assignment of state.assignments.values()) {
    if (!isOwned(state, assignment))
      note("I10", assignment.id, "an instruction without an owner that waits for it");
    if (!isWithin(assignment.node, state.self)) note("I7", assignment.id, "a node outside");
  }
  auditTasks(state, note);
  return found;
}

function isOwned(state: HubState, { id, owner }: Assignment): boolean {
  if (owner.kind === "member") {
    return state.fanouts.get(owner.fanout)?.members.get(owner.member)?.state === "live";
  }
  const chain = state.chains.get(owner.chain);
  if (owner.kind === "step") return chain?.steps.get(owner.step)?.state === "running";
  return chain?.compensation?.tasks.some((task) => taskId(task) === id) === true;
}

type Note = (rule: Violation["rule"], subject: string, detail: string) => void;

function auditChain(state: HubState, chain: Chain, note: Note): void {
  const isEnded = endedChainStates.has(chain.state);
  let waits = 0;
  for (const step of chain.steps.values()) {
    const id = runId(chain.id, step.id, step.visit);
    const assignment = state.assignments.get(id);
    const fanout = state.fanouts.get(id);
    const wait = state.waits.get(id);
    const isAtWork = fanout !== undefined && !isAfterlife(fanout);
    if (isEnded && (assignment !== undefined || isAtWork || wait !== undefined)) {
      note("I10", id, `the chain is ${chain.state}, its work is not over`);
    }
    if ((step.wait !== undefined) !== (wait !== undefined)) {
      note("I8", id, "what the step waits for and the index of waits differ");
    }
    if (step.state === "running") {
      waits += 1;
      if (step.wait !== undefined) auditWait(state, chain, id, step.wait, note);
      else if (assignment === undefined && fanout === undefined) {
        note("I8", id, "the step runs, nobody works on it");
      }
      if (assignment !== undefined && assignmentDueMs(assignment) === 0 && chain.dueMs === 0) {
        note("I8", id, "the step waits without any deadline");
      }
      if (fanout?.growing === true && isGrown(chain, step.id)) {
        note("I8", id, "it waits for members that can't come any more");
      }
    }
  }
  auditCompensation(state, chain, note);
  if (chain.state === "running" && waits === 0)
    note("I8", chain.id, "a chain without a reason to move");
  if (chain.state === "suspended" && chain.reason === "")
    note("I8", chain.id, "suspended without a reason");
}

/** A timer has its time, a gate or its chain a deadline; a chain below is alive and knows us. */
function auditWait(state: HubState, chain: Chain, id: string, wait: StepWait, note: Note): void {
  if (wait.kind === "timer" && wait.dueMs === 0) note("I8", id, "a timer without a time");
  if (wait.kind === "gate" && wait.dueMs === 0 && chain.dueMs === 0) {
    note("I8", id, "a gate without any deadline");
  }
  if (wait.kind !== "subflow") return;
  const child = state.chains.get(wait.child);
  if (child === undefined || endedChainStates.has(child.state)) {
    note("I8", id, `the step waits for chain ${wait.child}, which is not under way`);
  } else if (child.parent?.chain !== chain.id) {
    note("I8", id, `chain ${child.id} does not know that ${chain.id} waits for it`);
  }
}

function isGrown(chain: Chain, id: string): boolean {
  const step = chain.application.steps.find((candidate) => candidate.id === id);
  if (step?.type !== "fanout" || step.members.by !== "items") return true;
  const source = chain.steps.get(step.members.growsWith ?? "");
  return source === undefined || endedStepStates.has(source.state);
}

/** What an ended chain may leave: rows that late feedback still changes, or is refused by. */
function isAfterlife(fanout: Fanout): boolean {
  if (fanout.keepDueMs === 0 || fanout.aggregate.late === "record") return false;
  return fanout.stage === "late" || (fanout.stage === "kept" && fanout.live === 0);
}

/** One thing after the other, each with somebody at work on it or a reason why there is nobody. */
function auditCompensation(state: HubState, chain: Chain, note: Note): void {
  const tasks = chain.compensation?.tasks ?? [];
  const at = tasks.findIndex(({ state: taskState }) => taskState !== "done");
  const current = tasks[at];
  if (tasks.slice(at + 1).some((task) => at >= 0 && task.state !== "waiting")) {
    note("I11", chain.id, "compensation has begun before what comes after it was undone");
  }
  if (chain.state !== "compensating") return;
  if (current === undefined) {
    note("I8", chain.id, "everything is undone, yet the chain has not ended");
    return;
  }
  const id = taskId(current);
  if (current.state !== "running" || !(state.assignments.has(id) || state.fanouts.has(id))) {
    note("I8", id, "nobody undoes it");
  }
  const run = chain.steps.get(current.step);
  if (current.of === "step" && (run?.state !== "succeeded" || run.substituted === true)) {
    note("I11", id, "it undoes a step that did not succeed");
  }
}

function auditFanout(state: HubState, fanout: Fanout, note: Note): void {
  let live = 0;
  let replied = 0;
  let failed = 0;
  let queued = 0;
  for (const member of fanout.members.values()) {
    if (member.state === "live") live += 1;
    else if (member.state === "queued") queued += 1;
    else if (member.state === "replied") replied += 1;
    else failed += 1;
    const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
    if ((member.state === "live") !== (assignment !== undefined)) {
      note(
        "I3",
        memberAssignmentId(fanout.id, member.key),
        `member ${member.state}, no live attempt`,
      );
    }
    if (member.state !== "replied" && member.contribution.length > 0) {
      note("I4", member.key, "a member that did not reply contributes");
    }
  }
  if (live !== fanout.live || replied !== fanout.replied || failed !== fanout.failed) {
    note("I5", fanout.id, "the counts differ from the rows");
  }
  if (queued !== fanout.queue.length) note("I5", fanout.id, "the queue differs from the rows");
  auditQueue(fanout, note);
  const chain = state.chains.get(fanout.chain);
  const isEnded = chain === undefined || endedChainStates.has(chain.state);
  if (fanout.stage === "kept" && fanout.keepDueMs === 0 && isEnded) {
    note("I10", fanout.id, "its rows are kept for a chain that has ended");
  }
  for (const child of fanout.children.values()) {
    if (child.replied + child.failed > child.members)
      note("I7", child.address, "more answers than members");
  }
  if (fanout.dueMs <= 0) note("I8", fanout.id, "a fan-out without a deadline");
}

/** Whoever waits for a turn waits for somebody at work, and nobody has more turns than allowed. */
function auditQueue(fanout: Fanout, note: Note): void {
  if (fanout.live > fanout.concurrencyMax) {
    note("I7", fanout.id, `${fanout.live} members at work, ${fanout.concurrencyMax} are allowed`);
  }
  if (fanout.queue.length > 0 && fanout.live < fanout.concurrencyMax) {
    note("I8", fanout.id, "members wait for their turn, and nobody is at work");
  }
  if (fanout.stage === "kept" && (fanout.live > 0 || fanout.queue.length > 0)) {
    note("I10", fanout.id, "its rows are kept, yet somebody works");
  }
  if (fanout.by !== "level" && fanout.members.size > fanout.membersMax) {
    note("I7", fanout.id, "more members than its limit");
  }
}
