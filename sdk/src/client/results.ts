// Results: what calls answer, as plain objects: times in ms since 1970, JSON parsed.

import type {
  GetHubStatusResponse,
  Chain as ProtoChain,
  FanoutSummary as ProtoFanout,
  NodeRecord as ProtoNode,
  ChainStep as ProtoStep,
  StepWait as ProtoWait,
} from "@cloudbrain/proto";
import {
  type JsonObject,
  type JsonValue,
  type NodeKind,
  nodeKinds,
  type Title,
} from "../domain/index.ts";

export const chainStates = [
  "running",
  "suspended",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
  "compensating",
] as const;
export type ChainState = (typeof chainStates)[number];

export const stepStates = [
  "waiting",
  "running",
  "suspended",
  "succeeded",
  "failed",
  "skipped",
  "cancelled",
] as const;
export type StepState = (typeof stepStates)[number];

export const nodeStates = [
  "joining",
  "online",
  "suspect",
  "offline",
  "draining",
  "retired",
] as const;
export type NodeState = (typeof nodeStates)[number];

/** The chain changes no more. A suspended one still may. */
export function isEndedState(state: ChainState): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}

/** A chain as its hub knew it at `revision`. Times are ms since 1970, 0 for "not yet". */
export interface ChainSnapshot {
  readonly id: string;
  /** id@version. */
  readonly application: string;
  /** sha256 of the definition, lower-case hex. */
  readonly hash: string;
  readonly state: ChainState;
  /** Why it failed, is suspended or was cancelled; empty otherwise. */
  readonly reason: string;
  /** Key of the submit, or empty. */
  readonly key: string;
  /** Address of the node that submitted it; ACCOUNT@ADDRESS when a user was signed in there. */
  readonly submitter: string;
  readonly input: JsonValue;
  /** Null until it has succeeded. */
  readonly output: JsonValue;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Deadline of the whole; 0 without one. */
  readonly dueMs: number;
  /** Grows with every change. */
  readonly revision: number;
  /** In the order of the definition. */
  readonly steps: readonly StepSnapshot[];
  /** 0 to 100, decided at the start. */
  readonly priority: number;
  /** The step that started it, or undefined. */
  readonly parent: { readonly chain: string; readonly step: string } | undefined;
  /** A person holds it. */
  readonly held: boolean;
  /** What people did to it by hand, oldest first; at most 100. */
  readonly notes: readonly ChainNote[];
}

/** Something that a person did to a chain by hand. */
export interface ChainNote {
  readonly atMs: number;
  /** Address of who did it. */
  readonly by: string;
  /** suspended, resumed, retried, skipped, rematched or cancelled. */
  readonly action: string;
  /** Empty where it was about the whole chain. */
  readonly step: string;
  readonly reason: string;
}

/** What a step waits for, while it runs without an instruction. */
export interface StepWait {
  /** timer, gate or subflow. */
  readonly kind: string;
  /** 0 without a deadline of its own. */
  readonly dueMs: number;
  /** Name of the signal that a gate waits for, or empty. */
  readonly signal: string;
  /** Id of the chain that a subflow waits for, or empty. */
  readonly chain: string;
}

/** A step of a chain (业务节点). */
export interface StepSnapshot {
  readonly id: string;
  /** service, human, fanout, subflow, timer, gate or signal. */
  readonly type: string;
  readonly state: StepState;
  readonly reason: string;
  readonly output: JsonValue;
  /** Runs of the step so far. */
  readonly visit: number;
  /** Node of the last attempt of a service step, or empty. */
  readonly node: string;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Of a fan-out: the result that was given, or what it is so far. */
  readonly fanout: FanoutSnapshot | undefined;
  readonly wait: StepWait | undefined;
  /** What late feedback has made of that result since; undefined while nothing has changed. */
  readonly revised: FanoutSnapshot | undefined;
  /** What was done has been undone. */
  readonly compensated: boolean;
}

/** A fan-out as its origin knows it. */
export interface FanoutSnapshot {
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  /** The member set is fixed. */
  readonly closed: boolean;
  /** By name of the reducer. */
  readonly aggregate: JsonObject;
  /** The parts of the hubs one level down. */
  readonly children: readonly FanoutChildSnapshot[];
  /** Some of those that did not reply. */
  readonly missing: readonly string[];
}

export interface FanoutChildSnapshot {
  readonly address: string;
  readonly members: number;
  readonly replied: number;
  readonly failed: number;
  /** No later part follows. */
  readonly final: boolean;
  readonly version: number;
  readonly aggregate: JsonObject;
}

export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly suggestion: string;
}

/** A node as it describes itself, with what the hub above it observes. */
export interface NodeInfo {
  readonly address: string;
  readonly kind: NodeKind;
  /** city, district, street, community, or empty. */
  readonly level: string;
  readonly division: string;
  readonly industry: string;
  readonly region: string;
  readonly title: Title;
  readonly capabilities: readonly string[];
  readonly hub: boolean;
  readonly version: string;
  readonly state: NodeState;
  /** Counts the node's lives. */
  readonly epoch: number;
  /** When the state changed, by the clock of the hub above the node. */
  readonly changedAtMs: number;
}

export interface HubStatus {
  readonly address: string;
  readonly title: Title;
  readonly epoch: number;
  /** serving or draining. */
  readonly state: string;
  readonly links: number;
  readonly parentConnected: boolean;
  readonly nodes: number;
  readonly nodesOnline: number;
  readonly liveChains: number;
  /** Those that wait for a person. */
  readonly suspendedChains: number;
  readonly journalSeq: number;
  /** Since the process began; each is one sync. */
  readonly commits: number;
  readonly framesReceived: number;
  readonly residentBytes: number;
  readonly uptimeMs: number;
  readonly cpuMs: number;
}

const decoder = new TextDecoder();

function readJson(bytes: Uint8Array): JsonValue {
  return bytes.length === 0 ? null : (JSON.parse(decoder.decode(bytes)) as JsonValue);
}

function readObject(bytes: Uint8Array): JsonObject {
  const value = readJson(bytes);
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

export function readTitle(title: { zh: string; en: string } | undefined): Title {
  return { zh: title?.zh ?? "", en: title?.en ?? "" };
}

export function readTime(time: Date | undefined): number {
  return time === undefined ? 0 : time.getTime();
}

export function readChain(chain: ProtoChain): ChainSnapshot {
  return {
    id: chain.id,
    application: chain.application,
    hash: chain.hash,
    state: chainStates[chain.state - 1] ?? "running",
    reason: chain.reason,
    key: chain.key,
    submitter: chain.submitter,
    input: readJson(chain.input),
    output: readJson(chain.output),
    startedAtMs: readTime(chain.startTime),
    endedAtMs: readTime(chain.endTime),
    dueMs: readTime(chain.dueTime),
    revision: Number(chain.revision),
    steps: chain.steps.map(readStep),
    priority: chain.priority,
    parent:
      chain.parentChain === "" ? undefined : { chain: chain.parentChain, step: chain.parentStep },
    held: chain.held,
    notes: chain.notes.map(({ time, by, action, step, reason }) => {
      return { atMs: readTime(time), by, action, step, reason };
    }),
  };
}

function readStep(step: ProtoStep): StepSnapshot {
  return {
    id: step.id,
    type: step.type,
    state: stepStates[step.state - 1] ?? "waiting",
    reason: step.reason,
    output: readJson(step.output),
    visit: step.visit,
    node: step.node,
    attempt: step.attempt,
    startedAtMs: readTime(step.startTime),
    endedAtMs: readTime(step.endTime),
    fanout: step.fanout === undefined ? undefined : readFanout(step.fanout),
    wait: step.wait === undefined ? undefined : readWait(step.wait),
    revised: step.revised === undefined ? undefined : readFanout(step.revised),
    compensated: step.compensated,
  };
}

function readWait({ kind, dueTime, signal, chain }: ProtoWait): StepWait {
  return { kind, dueMs: readTime(dueTime), signal, chain };
}

function readFanout(fanout: ProtoFanout): FanoutSnapshot {
  return {
    members: fanout.members,
    replied: fanout.replied,
    failed: fanout.failed,
    closed: fanout.closed,
    aggregate: readObject(fanout.aggregate),
    children: fanout.children.map((child) => ({
      address: child.address,
      members: child.members,
      replied: child.replied,
      failed: child.failed,
      final: child.final,
      version: child.version,
      aggregate: readObject(child.aggregate),
    })),
    missing: fanout.missing,
  };
}

export function readDiagnostic(found: Diagnostic): Diagnostic {
  const { file, line, column, severity, code, message, suggestion } = found;
  return { file, line, column, severity, code, message, suggestion };
}

export function readNode(node: ProtoNode): NodeInfo {
  const description = node.description;
  return {
    address: description?.address ?? "",
    kind: nodeKinds[(description?.kind ?? 1) - 1] ?? "level",
    level: description?.level ?? "",
    division: description?.division ?? "",
    industry: description?.industry ?? "",
    region: description?.region ?? "",
    title: readTitle(description?.title),
    capabilities: description?.capabilities ?? [],
    hub: description?.hub ?? false,
    version: description?.version ?? "",
    state: nodeStates[node.state - 1] ?? "offline",
    epoch: node.epoch,
    changedAtMs: node.changedAtMs,
  };
}

export function readStatus(status: GetHubStatusResponse): HubStatus {
  return {
    address: status.address,
    title: readTitle(status.title),
    epoch: status.epoch,
    state: status.state,
    links: status.links,
    parentConnected: status.parentConnected,
    nodes: status.nodes,
    nodesOnline: status.nodesOnline,
    liveChains: status.liveChains,
    suspendedChains: status.suspendedChains,
    journalSeq: Number(status.journalSeq),
    commits: Number(status.commits),
    framesReceived: Number(status.framesReceived),
    residentBytes: Number(status.residentBytes),
    uptimeMs: status.uptimeMs,
    cpuMs: status.cpuMs,
  };
}

export function chainStateNumber(state: ChainState | undefined): number {
  return state === undefined ? 0 : chainStates.indexOf(state) + 1;
}

export function nodeStateNumber(state: string | undefined): number {
  const names: readonly (string | undefined)[] = nodeStates;
  return names.indexOf(state) + 1;
}
