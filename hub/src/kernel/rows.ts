// Rows: the state as a checkpoint keeps it. Live chains, fan-outs, nodes and sessions are read at a
// start; ended chains ("past") and keys are read one by one when somebody asks.

import {
  type Address,
  type Application,
  compareText,
  type JsonValue,
  type NodeRecord,
  type Row,
} from "@cloudbrain/sdk/domain";
import { Session, type StoredLane } from "@cloudbrain/sdk/session";
import { applicationEntity, applicationTables, restoreApplicationRow } from "./application-rows.ts";
import type { Dirty } from "./apply.ts";
import { indexAssignment } from "./apply-assignment.ts";
import {
  applicationKey,
  defaultPriority,
  fanoutsOf,
  keyOf,
  memberAssignmentId,
  runId,
} from "./apply-chain.ts";
import { indexToken } from "./apply-user.ts";
import { indexWait } from "./apply-wait.ts";
import {
  type Assignment,
  type Chain,
  type ChainNote,
  type ChainParent,
  type ChainState,
  type ChildPart,
  type CompensationPlan,
  endedChainStates,
  type Fanout,
  fanoutDueMs,
  type HubState,
  type KeyHolder,
  type Member,
  type RetainedSignal,
  type StepRun,
  taskId,
} from "./state.ts";
import { restoreTask, rowsOfTask, type StoredTask } from "./task-rows.ts";
import type { SignInToken, User } from "./user-state.ts";

/** Tables that a start reads, in this order: chains need applications, fan-outs need chains. */
export const liveTables = [
  "application",
  ...applicationTables,
  "chain",
  "fanout",
  "node",
  "session",
  "user",
  "token",
  "task",
] as const;

/** A chain as rows and readers see it. */
export interface ChainRow {
  readonly id: string;
  /** id@version of the application, and its hash. */
  readonly application: string;
  readonly hash: string;
  readonly key: string;
  readonly bodyHash: string;
  readonly input: JsonValue;
  readonly submitter: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly state: ChainState;
  readonly reason: string;
  readonly output: JsonValue;
  readonly dueMs: number;
  readonly revision: number;
  readonly steps: readonly StepRun[];
  /** Absent: 50. */
  readonly priority?: number;
  /** Absent: nobody but a client has started it. */
  readonly parent?: ChainParent;
  /** Absent: false. */
  readonly held?: true;
  /** What people did to it by hand, oldest first; absent: nothing. */
  readonly notes?: readonly ChainNote[];
  /** Absent: none. */
  readonly signals?: readonly RetainedSignal[];
  readonly compensation?: CompensationPlan;
}

interface StoredChain extends ChainRow {
  readonly assignments: readonly Assignment[];
}

interface StoredFanout extends Omit<Fanout, "members" | "children"> {
  readonly members: readonly Member[];
  readonly children: readonly ChildPart[];
  readonly assignments: readonly Assignment[];
}

interface StoredSession {
  readonly peerStoreId: string;
  readonly peerEpoch: number;
  readonly lanes: readonly StoredLane[];
  /** Nodes below it that its running snapshot has not named yet; absent while none runs. */
  readonly stale?: readonly Address[] | undefined;
}

type Table = Parameters<Dirty["mark"]>[0];

export class DirtyRows implements Dirty {
  private readonly marked = new Map<Table, Set<string>>();

  mark(table: Table, key: string): void {
    const keys = this.marked.get(table);
    if (keys === undefined) this.marked.set(table, new Set([key]));
    else keys.add(key);
  }

  /** Hands out what is marked, tables and keys in a fixed order, and begins anew. */
  drain(): readonly (readonly [Table, string])[] {
    const list: [Table, string][] = [];
    for (const table of [...this.marked.keys()].sort()) {
      for (const key of [...(this.marked.get(table) ?? [])].sort()) list.push([table, key]);
    }
    this.marked.clear();
    return list;
  }
}

/**
 * Which chains and fan-outs have a live row in the store. Most of them come and go between two
 * checkpoints: there is no row to delete.
 */
export class StoredRows {
  private readonly keys = new Set<string>();

  /** A row that was read from the store. */
  note(row: Row): void {
    this.isToWrite(row);
  }

  isToWrite({ table, key, value }: Row): boolean {
    if (table !== "chain" && table !== "fanout") return true;
    const name = `${table} ${key}`;
    if (value === undefined) return this.keys.delete(name);
    this.keys.add(name);
    return true;
  }
}

export function chainRow(chain: Chain): ChainRow {
  return {
    id: chain.id,
    application: applicationKey(chain.application),
    hash: chain.application.hash,
    key: chain.key,
    bodyHash: chain.bodyHash,
    input: chain.input,
    submitter: chain.submitter,
    startedAtMs: chain.startedAtMs,
    endedAtMs: chain.endedAtMs,
    state: chain.state,
    reason: chain.reason,
    output: chain.output,
    dueMs: chain.dueMs,
    revision: chain.revision,
    steps: [...chain.steps.values()].map((step) => ({ ...step })),
    // Most chains have none of these: their rows stay as small as they were.
    ...(chain.priority === defaultPriority ? {} : { priority: chain.priority }),
    ...(chain.parent === undefined ? {} : { parent: chain.parent }),
    ...(chain.held ? { held: true as const } : {}),
    ...(chain.notes.length === 0 ? {} : { notes: chain.notes }),
    ...(chain.signals.length === 0 ? {} : { signals: chain.signals }),
    ...(chain.compensation === undefined ? {} : { compensation: copyPlan(chain.compensation) }),
  };
}

function copyPlan(plan: CompensationPlan): CompensationPlan {
  return { ...plan, tasks: plan.tasks.map((task) => ({ ...task })) };
}

/** The rows for one marked entity, as it is now. */
export function rowsOf(state: HubState, table: Table, key: string): readonly Row[] {
  if (table === "task") return rowsOfTask(state, key);
  if (table !== "chain") return [{ table, key, value: entityOf(state, table, key) }];
  const chain = state.chains.get(key);
  if (chain === undefined) return [{ table, key, value: undefined }];
  const isEnded = endedChainStates.has(chain.state);
  // Late feedback may still change what an ended chain tells.
  const isLive = !isEnded || fanoutsOf(state, chain).length > 0;
  const live = { table, key, value: isLive ? storedChain(state, chain) : undefined };
  return isEnded ? [live, { table: "past", key, value: chainRow(chain) }] : [live];
}

function entityOf(state: HubState, table: Table, key: string): unknown {
  switch (table) {
    case "application":
      return state.applications.get(key);
    case "publication":
    case "pin":
    case "source":
    case "registration":
      return applicationEntity(state, table, key);
    case "key":
      return state.keys.get(key);
    case "node":
      return state.nodes.get(key as Address);
    case "fanout": {
      const fanout = state.fanouts.get(key);
      return fanout === undefined ? undefined : storedFanout(state, fanout);
    }
    case "session": {
      const session = state.sessions.get(key as Address);
      return session === undefined ? undefined : storedSession(state, session);
    }
    case "user":
      return state.users.get(key);
    case "token":
      return state.tokens.get(key);
    case "chain":
    case "task":
      return undefined;
  }
}

function storedChain(state: HubState, chain: Chain): StoredChain {
  const assignments: Assignment[] = [];
  const own = [...chain.steps.values()].map(({ id, visit }) => runId(chain.id, id, visit));
  for (const id of [...own, ...(chain.compensation?.tasks ?? []).map(taskId)]) {
    const assignment = state.assignments.get(id);
    if (assignment !== undefined) assignments.push({ ...assignment });
  }
  return { ...chainRow(chain), assignments };
}

function storedFanout(state: HubState, fanout: Fanout): StoredFanout {
  const assignments: Assignment[] = [];
  for (const member of fanout.live > 0 ? fanout.members.values() : []) {
    const assignment = state.assignments.get(memberAssignmentId(fanout.id, member.key));
    if (assignment !== undefined) assignments.push({ ...assignment });
  }
  return {
    ...fanout,
    queue: [...fanout.queue],
    members: [...fanout.members.values()].map((member) => ({ ...member })),
    children: [...fanout.children.values()].map((child) => ({ ...child })),
    assignments,
  };
}

function storedSession(state: HubState, session: Session): StoredSession {
  const stale = state.staleNodes.get(session.peer);
  return {
    peerStoreId: session.peerStoreId,
    peerEpoch: session.peerEpoch,
    lanes: session.store(),
    ...(stale === undefined ? {} : { stale: [...stale].sort(compareText) }),
  };
}

/** Puts one row of a live table back. Rows come in the order of `liveTables`. */
export function restoreRow(state: HubState, row: Row): void {
  if (restoreApplicationRow(state, row)) return;
  switch (row.table) {
    case "application":
      state.applications.set(row.key, row.value as Application);
      return;
    case "user":
      state.users.set(row.key, row.value as User);
      return;
    case "token":
      indexToken(state, row.value as SignInToken);
      return;
    case "node":
      restoreNode(state, row.value as NodeRecord);
      return;
    case "chain":
      restoreChain(state, row.value as StoredChain);
      return;
    case "fanout":
      restoreFanout(state, row.value as StoredFanout);
      return;
    case "task":
      restoreTask(state, row.value as StoredTask);
      return;
    case "session": {
      const stored = row.value as StoredSession;
      const peer = row.key as Address;
      const session = new Session(peer, stored.peerStoreId, stored.peerEpoch);
      session.restore(stored.lanes);
      state.sessions.set(peer, session);
      if (stored.stale !== undefined) state.staleNodes.set(peer, new Set(stored.stale));
    }
  }
}

function restoreNode(state: HubState, record: NodeRecord): void {
  const { address, capabilities } = record.description;
  state.nodes.set(address, record);
  for (const capability of capabilities) {
    const holders = state.nodesByCapability.get(capability);
    if (holders === undefined) state.nodesByCapability.set(capability, new Set([address]));
    else holders.add(address);
  }
}

function restoreChain(state: HubState, stored: StoredChain): void {
  const application = state.applications.get(stored.application);
  if (application === undefined) return;
  const { assignments, steps, application: _key, hash: _hash, ...rest } = stored;
  const chain: Chain = {
    ...rest,
    application,
    priority: stored.priority ?? defaultPriority,
    parent: stored.parent,
    held: stored.held ?? false,
    notes: stored.notes ?? [],
    signals: stored.signals ?? [],
    ...(rest.compensation === undefined ? {} : { compensation: copyPlan(rest.compensation) }),
    steps: new Map(steps.map((step) => [step.id, step])),
  };
  state.chains.set(chain.id, chain);
  state.due.push("chain", chain.id, chain.dueMs);
  for (const step of chain.steps.values()) indexWait(state, chain.id, step);
  if (chain.parent === undefined) state.keys.set(keyOf(application, chain.key), holderOf(chain));
  for (const assignment of assignments) indexAssignment(state, assignment);
}

export function holderOf(chain: Chain): KeyHolder {
  return {
    chain: chain.id,
    bodyHash: chain.bodyHash,
    expiresAtMs: chain.startedAtMs + chain.application.keyKeepMs,
  };
}

/** What rows did not have from the beginning, and what its absence means. */
const absentBefore = {
  forgets: false,
  concurrencyMax: Number.MAX_SAFE_INTEGER,
  growing: false,
  overflow: 0,
  feeds: false,
  toldSettled: false,
  stage: "open",
  keepDueMs: 0,
  lateChanges: 0,
  compensates: undefined,
} as const;

function restoreFanout(state: HubState, stored: StoredFanout): void {
  const { assignments, members, children, ...rest } = stored;
  const fanout: Fanout = {
    ...absentBefore,
    ...rest,
    queue: [...(rest.queue ?? [])],
    members: new Map(members.map((member) => [member.key, member])),
    children: new Map(children.map((child) => [child.address, child])),
  };
  state.fanouts.set(fanout.id, fanout);
  state.due.push("fanout", fanout.id, fanoutDueMs(fanout));
  state.due.push("emit", fanout.id, fanout.emitDueMs);
  for (const assignment of assignments) indexAssignment(state, assignment);
}
