// Chains as messages of cloudbrain.v1.

import {
  Chain as ProtoChain,
  ChainState as ProtoChainState,
  type FanoutSummary as ProtoFanout,
  type ChainStep as ProtoStep,
  StepState as ProtoStepState,
  type StepWait as ProtoWait,
} from "@cloudbrain/proto";
import type { JsonValue } from "@cloudbrain/sdk/domain";
import {
  type ChainRow,
  defaultPriority,
  type FanoutSummary,
  type StepRun,
} from "../kernel/index.ts";

const chainStates = {
  running: ProtoChainState.CHAIN_STATE_RUNNING,
  suspended: ProtoChainState.CHAIN_STATE_SUSPENDED,
  cancelling: ProtoChainState.CHAIN_STATE_CANCELLING,
  succeeded: ProtoChainState.CHAIN_STATE_SUCCEEDED,
  failed: ProtoChainState.CHAIN_STATE_FAILED,
  cancelled: ProtoChainState.CHAIN_STATE_CANCELLED,
  compensating: ProtoChainState.CHAIN_STATE_COMPENSATING,
} as const;

const stepStates = {
  waiting: ProtoStepState.STEP_STATE_WAITING,
  running: ProtoStepState.STEP_STATE_RUNNING,
  suspended: ProtoStepState.STEP_STATE_SUSPENDED,
  succeeded: ProtoStepState.STEP_STATE_SUCCEEDED,
  failed: ProtoStepState.STEP_STATE_FAILED,
  skipped: ProtoStepState.STEP_STATE_SKIPPED,
  cancelled: ProtoStepState.STEP_STATE_CANCELLED,
} as const;

export function protoChainState(state: ChainRow["state"]): ProtoChainState {
  return chainStates[state];
}

export function protoChain(row: ChainRow): ProtoChain {
  return ProtoChain.fromPartial({
    id: row.id,
    application: row.application,
    hash: row.hash,
    state: chainStates[row.state],
    reason: row.reason,
    key: row.key,
    submitter: row.submitter,
    input: jsonBytes(row.input),
    output: jsonBytes(row.output),
    startTime: timeOf(row.startedAtMs),
    endTime: timeOf(row.endedAtMs),
    dueTime: timeOf(row.dueMs),
    revision: BigInt(row.revision),
    steps: row.steps.map((step) => protoStep(step, isUndone(row, step.id))),
    priority: row.priority ?? defaultPriority,
    parentChain: row.parent?.chain ?? "",
    parentStep: row.parent?.step ?? "",
    held: row.held ?? false,
    notes: (row.notes ?? []).map(({ atMs, ...note }) => ({ ...note, time: timeOf(atMs) })),
  });
}

/** What was planned to be undone of the step has been. */
function isUndone(row: ChainRow, step: string): boolean {
  const tasks = (row.compensation?.tasks ?? []).filter((task) => task.step === step);
  return tasks.length > 0 && tasks.every(({ state }) => state === "done");
}

function protoStep(step: StepRun, compensated: boolean): ProtoStep {
  return {
    id: step.id,
    type: step.type,
    state: stepStates[step.state],
    reason: step.reason,
    output: jsonBytes(step.output),
    visit: step.visit,
    node: step.node,
    attempt: step.attempt,
    startTime: timeOf(step.startedAtMs),
    endTime: timeOf(step.endedAtMs),
    fanout: step.summary === undefined ? undefined : protoFanout(step.summary),
    revised: step.revised === undefined ? undefined : protoFanout(step.revised),
    compensated,
    wait: step.wait === undefined ? undefined : protoWait(step.wait),
  };
}

function protoWait(wait: NonNullable<StepRun["wait"]>): ProtoWait {
  return {
    kind: wait.kind,
    dueTime: timeOf(wait.dueMs),
    signal: wait.kind === "gate" ? wait.signal : "",
    chain: wait.kind === "subflow" ? wait.child : "",
  };
}

function protoFanout(summary: FanoutSummary): ProtoFanout {
  return {
    members: summary.members,
    replied: summary.replied,
    failed: summary.failed,
    closed: summary.closed,
    aggregate: jsonBytes(summary.aggregate),
    children: summary.children.map((child) => ({
      ...child,
      aggregate: jsonBytes(child.aggregate),
    })),
    missing: [...summary.missing],
  };
}

function timeOf(ms: number): Date | undefined {
  return ms === 0 ? undefined : new Date(ms);
}

const encoder = new TextEncoder();

function jsonBytes(value: JsonValue): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}
