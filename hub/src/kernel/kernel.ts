// The collaboration kernel (协同内核) of a hub: events in, facts and outputs out.
//
// Owns the chains, fan-outs, instructions, nodes and sessions of one hub. Owns no clock, no dice,
// no store and no link. The files beside it: step-*.ts decide, apply*.ts write the state, rows.ts
// is its stored form, auditor.ts checks what must always hold.

import type {
  AddWorkingTime,
  Application,
  Decision,
  Evaluate,
  Fact,
  JsonValue,
  Kernel,
  NodeDescription,
  Row,
  SessionMark,
  TaskActor,
  TaskCommand,
  Validate,
} from "@cloudbrain/sdk/domain";
import { type Address, limits, parentOf } from "@cloudbrain/sdk/domain";
import { applicationKeys } from "./application-rows.ts";
import { applyFact, armNews, type Dirty } from "./apply.ts";
import { fanoutsOf, keyOf, runId } from "./apply-chain.ts";
import type { ChainPlan } from "./chain-plan.ts";
import { type Deciding, revisedOf } from "./deciding.ts";
import { dryRun, type PlanWishes } from "./dry-run.ts";
import type { HubEvent, HubOutput } from "./events.ts";
import type { HubFact } from "./facts.ts";
import { summaryOf } from "./fanout-fold.ts";
import { submitterArea } from "./registry.ts";
import {
  type ChainRow,
  chainRow,
  DirtyRows,
  liveTables,
  restoreRow,
  rowsOf,
  StoredRows,
} from "./rows.ts";
import { spreadOf } from "./spread.ts";
import { assignmentDueMs, endedChainStates, fanoutDueMs, HubState } from "./state.ts";
import { stepApplication } from "./step-application.ts";
import { advanceChain, stepCancel, stepChainDue } from "./step-chain.ts";
import { reviewFanout, stepEmitDue, stepFanoutDue } from "./step-fanout.ts";
import {
  createLinkTable,
  type LinkTable,
  stepAcks,
  stepFrames,
  stepGreeted,
  stepLinkClosed,
  stepWelcomed,
} from "./step-link.ts";
import { stepOperate } from "./step-operator.ts";
import { armRegistrations, registerOwn, stepRegistrationsDue } from "./step-registration.ts";
import { stepTokenDue } from "./step-sign-in.ts";
import { stepSignalled } from "./step-signal.ts";
import { childrenLeftBy, followFact } from "./step-subflow.ts";
import { stepSubmit } from "./step-submit.ts";
import { stepTaskCommand } from "./step-task.ts";
import { stepTaskDue } from "./step-task-change.ts";
import { stepUserEvent } from "./step-user-event.ts";
import { stepWaitDue } from "./step-wait.ts";
import { stepAssignmentDue } from "./step-work.ts";
import { taskChoices } from "./task-choices.ts";
import { archivedTasks } from "./task-rows.ts";
import type { Task } from "./task-state.ts";
import { taskDueMs } from "./task-times.ts";
import {
  type TaskDetail,
  taskDetail,
  type WorklistPage,
  type WorklistQuery,
  worklistPage,
} from "./worklist.ts";

export interface HubKernelOptions {
  readonly address: Address;
  /** What this hub tells of itself; absent: nobody works at its desk for its own chains. */
  readonly description?: NodeDescription | undefined;
  /** Whether a hub stands above: the one at the parent address. */
  readonly hasParent: boolean;
  readonly evaluate: Evaluate;
  readonly validate: Validate;
  /** Absent: no calendar is known, and every step that names one is suspended. */
  readonly addWorkingTime?: AddWorkingTime | undefined;
}

const noCalendars: AddWorkingTime = () => undefined;

/**
 * Timers fired in one turn: after an outage the rest waits for the next, so that others work too.
 */
const dueMaxPerTick = 500;
/** Entries of the heap that are never worth a clean-up. */
const dueSlack = 4_096;

export class HubKernel implements Kernel<HubEvent, HubOutput> {
  readonly state: HubState;
  private readonly options: HubKernelOptions;
  private readonly links: LinkTable = createLinkTable();
  private readonly dirty = new DirtyRows();
  private readonly stored = new StoredRows();
  /** Sessions with something new since the last commit: a hub has thousands, a commit few. */
  private readonly touchedSessions = new Set<Address>();
  private readonly marking: Dirty = {
    mark: (table, key) => {
      this.dirty.mark(table, key);
      if (table === "session") this.touchedSessions.add(key as Address);
    },
  };
  private facts: HubFact[] = [];
  private outputs: HubOutput[] = [];
  private readonly chainsToReview = new Set<string>();
  private readonly fanoutsToReview = new Set<string>();
  private readonly changedChains = new Set<string>();
  private readonly changedTasks = new Set<string>();
  private evictable: string[] = [];
  private evictableTasks: string[] = [];
  private storedSources: string[] = [];
  /** Counts evictions: a key that was looked up in the store before one must be looked up again. */
  evictions = 0;

  constructor(options: HubKernelOptions) {
    this.options = options;
    this.state = new HubState(options.address);
    if (options.hasParent) this.state.parent = parentOf(options.address);
    const { description } = options;
    if (description !== undefined) {
      this.state.own = { description, state: "online", epoch: 0, changedAtMs: 0 };
    }
  }

  step(event: HubEvent, nowMs: number): void {
    const deciding = this.deciding(nowMs);
    this.dispatch(deciding, event);
    this.reviewAll(deciding);
    armNews(this.state, nowMs);
    armRegistrations(this.state, nowMs);
  }

  private dispatch(deciding: Deciding, event: HubEvent): void {
    switch (event.type) {
      case "started":
        deciding.decide({ t: "started", epoch: event.epoch });
        this.reviewRunning();
        registerOwn(deciding);
        return;
      case "tick":
        this.fireDue(deciding);
        return;
      case "publish":
      case "setApplicationState":
      case "rollBack":
        stepApplication(deciding, event);
        return;
      case "submit":
        stepSubmit(deciding, event);
        return;
      case "cancel":
        stepCancel(deciding, event);
        return;
      case "retry":
      case "suspend":
      case "resume":
      case "skip":
      case "rematch":
        stepOperate(deciding, event);
        return;
      case "signalled":
        stepSignalled(deciding, event);
        return;
      case "taskCommand":
        stepTaskCommand(deciding, event);
        return;
      case "drain":
        deciding.decide({ t: "drained" });
        deciding.emit({ type: "reply", request: event.request, reply: { kind: "done" } });
        return;
      case "linkGreeted":
        stepGreeted(deciding, this.links, event);
        return;
      case "linkWelcomed":
        stepWelcomed(deciding, this.links, event);
        return;
      case "linkClosed":
        stepLinkClosed(deciding, this.links, event.link);
        return;
      case "frames":
        stepFrames(deciding, this.links, event);
        return;
      case "acks":
        stepAcks(deciding, this.links, event);
        return;
      default:
        stepUserEvent(deciding, event);
    }
  }

  /** A cascade may have been cut by the end of the last life: what waits is seen in the state. */
  private reviewRunning(): void {
    for (const chain of this.state.chains.values()) {
      if (!endedChainStates.has(chain.state)) this.chainsToReview.add(chain.id);
    }
  }

  private deciding(nowMs: number): Deciding {
    const deciding: Deciding = {
      state: this.state,
      nowMs,
      evaluate: this.options.evaluate,
      validate: this.options.validate,
      addWorkingTime: this.options.addWorkingTime ?? noCalendars,
      decide: (fact) => {
        const left = childrenLeftBy(this.state, fact);
        this.facts.push(fact);
        this.apply(fact, nowMs);
        followFact(deciding, fact, left);
      },
      emit: (output) => {
        this.outputs.push(output);
      },
      changed: (chain) => this.changedChains.add(chain),
      changedTask: (task) => this.changedTasks.add(task),
      review: (chain) => this.chainsToReview.add(chain),
      reviewFanout: (fanout) => this.fanoutsToReview.add(fanout),
      spread: (...words) => spreadOf([this.state.self, ...words]),
    };
    return deciding;
  }

  /** Until nothing is left to look at; a long cascade goes on with the next event. */
  private reviewAll(deciding: Deciding): void {
    for (let round = 0; round < limits.continuationsMax; round += 1) {
      if (this.fanoutsToReview.size === 0 && this.chainsToReview.size === 0) return;
      for (const id of [...this.fanoutsToReview]) {
        this.fanoutsToReview.delete(id);
        const fanout = this.state.fanouts.get(id);
        if (fanout === undefined) continue;
        if (fanout.upstream === undefined) deciding.changed(fanout.chain);
        reviewFanout(deciding, fanout);
      }
      for (const id of [...this.chainsToReview]) {
        this.chainsToReview.delete(id);
        const chain = this.state.chains.get(id);
        if (chain !== undefined) advanceChain(deciding, chain);
      }
    }
  }

  private fireDue(deciding: Deciding): void {
    const { state } = this;
    for (let fired = 0; fired < dueMaxPerTick; fired += 1) {
      const entry = state.due.peek();
      if (entry === undefined || entry.dueMs > deciding.nowMs) return;
      state.due.pop();
      if (entry.kind === "assignment") {
        const assignment = state.assignments.get(entry.id);
        if (assignment !== undefined && assignmentDueMs(assignment) === entry.dueMs) {
          stepAssignmentDue(deciding, assignment);
        }
      } else if (entry.kind === "chain") {
        const chain = state.chains.get(entry.id);
        if (chain?.dueMs === entry.dueMs) stepChainDue(deciding, chain);
      } else if (entry.kind === "wait") {
        stepWaitDue(deciding, entry.id, entry.dueMs);
      } else if (entry.kind === "nodes") {
        this.reportNews(deciding);
      } else if (entry.kind === "token") {
        const token = state.tokens.get(entry.id);
        if (token?.expiresAtMs === entry.dueMs) stepTokenDue(deciding, token);
      } else if (entry.kind === "task") {
        const task = state.tasks.get(entry.id);
        if (task !== undefined && taskDueMs(task) === entry.dueMs) stepTaskDue(deciding, task);
      } else if (entry.kind === "registrations") {
        const { parent } = state;
        stepRegistrationsDue(deciding, parent !== undefined && this.links.byPeer.has(parent));
      } else {
        const fanout = state.fanouts.get(entry.id);
        if (fanout === undefined) continue;
        if (entry.kind === "fanout") {
          if (fanoutDueMs(fanout) === entry.dueMs) stepFanoutDue(deciding, fanout);
        } else if (fanout.emitDueMs === entry.dueMs) stepEmitDue(deciding, fanout);
      }
    }
  }

  private reportNews(deciding: Deciding): void {
    const { state } = this;
    state.nodeNewsDueMs = 0;
    const { parent } = state;
    // While the parent is away its next link begins with a snapshot of everything.
    if (parent === undefined || !this.links.byPeer.has(parent)) {
      state.nodeNews.clear();
      return;
    }
    const nodes = [...state.nodeNews].sort();
    if (nodes.length > 0) deciding.decide({ t: "nodesReported", nodes, snapshot: false });
  }

  /**
   * Deadlines of what has ended stay in the heap until they are due, which may be days: when they
   * outnumber what lives, the heap is made anew.
   */
  private compactDue(): void {
    const { state } = this;
    const work = state.chains.size + state.fanouts.size + state.assignments.size;
    const live = work + state.tokens.size + state.waits.size + state.tasks.size;
    if (state.due.size <= dueSlack + 4 * live) return;
    state.due.clear();
    for (const chain of state.chains.values()) state.due.push("chain", chain.id, chain.dueMs);
    for (const fanout of state.fanouts.values()) {
      state.due.push("fanout", fanout.id, fanoutDueMs(fanout));
      state.due.push("emit", fanout.id, fanout.emitDueMs);
    }
    for (const assignment of state.assignments.values()) {
      state.due.push("assignment", assignment.id, assignmentDueMs(assignment));
    }
    for (const token of state.tokens.values()) {
      state.due.push("token", token.hash, token.expiresAtMs);
    }
    for (const wait of state.waits.all()) state.due.push("wait", wait.id, wait.dueMs);
    for (const task of state.tasks.values()) state.due.push("task", task.id, taskDueMs(task));
    state.due.push("nodes", "", state.nodeNewsDueMs);
    state.due.push("registrations", "", state.registrationsDueMs);
  }

  takeEarly(): readonly HubOutput[] {
    return [];
  }

  waitingFacts(): number {
    return this.facts.length;
  }

  take(): Decision<HubOutput> {
    this.compactDue();
    const { facts, outputs } = this;
    this.facts = [];
    this.outputs = [];
    for (const chain of this.changedChains) {
      const revision = this.state.chains.get(chain)?.revision ?? 0;
      outputs.push({ type: "chainChanged", chain, revision });
    }
    this.changedChains.clear();
    for (const task of this.changedTasks) {
      const version = this.state.tasks.get(task)?.version ?? 0;
      outputs.push({ type: "taskChanged", task, version });
    }
    this.changedTasks.clear();
    const marks: SessionMark[] = [];
    for (const peer of this.touchedSessions) {
      const laneMarks = this.state.session(peer).positionsNow();
      if (laneMarks.length > 0) marks.push({ peer, marks: laneMarks });
    }
    this.touchedSessions.clear();
    return { facts, outputs, marks };
  }

  committed(marks: readonly SessionMark[]): void {
    for (const { peer, marks: laneMarks } of marks) {
      this.state.session(peer).markDurable(laneMarks);
    }
  }

  wakeAtMs(): number | undefined {
    return this.state.due.peek()?.dueMs;
  }

  apply(fact: Fact, atMs: number): void {
    applyFact({ state: this.state, dirty: this.marking, atMs }, fact);
  }

  checkpoint(): readonly Row[] {
    const rows = this.dirty
      .drain()
      .flatMap(([table, key]) => rowsOf(this.state, table, key))
      .filter((row) => this.stored.isToWrite(row));
    this.storedSources = [...this.state.sources.keys()];
    this.evictable = [];
    for (const chain of this.state.chains.values()) {
      if (!endedChainStates.has(chain.state) || fanoutsOf(this.state, chain).length > 0) continue;
      this.evictable.push(chain.id);
    }
    this.evictableTasks = archivedTasks(this.state);
    return rows;
  }

  evict(): void {
    for (const id of this.evictable) {
      const chain = this.state.chains.get(id);
      if (chain === undefined) continue;
      this.state.chains.delete(id);
      if (chain.parent === undefined) this.state.keys.delete(keyOf(chain.application, chain.key));
      this.evictions += 1;
    }
    this.evictable = [];
    for (const id of this.evictableTasks) this.state.tasks.delete(id);
    this.evictableTasks = [];
    for (const hash of this.storedSources) this.state.sources.delete(hash);
    this.storedSources = [];
  }

  restore(row: Row): void {
    this.stored.note(row);
    restoreRow(this.state, row);
  }

  recovered(): void {
    for (const session of this.state.sessions.values()) session.markAllDurable();
    // Ended chains of the replayed part are in memory; older ones are in the store.
    this.evictions += 1;
  }

  dump(): readonly Row[] {
    const { state } = this;
    const keys = {
      application: state.applications.keys(),
      ...applicationKeys(state),
      chain: state.chains.keys(),
      fanout: state.fanouts.keys(),
      node: state.nodes.keys(),
      session: state.sessions.keys(),
      user: state.users.keys(),
      token: state.tokens.keys(),
      task: state.tasks.keys(),
    };
    return liveTables.flatMap((table) =>
      [...keys[table]].sort().flatMap((key) => rowsOf(state, table, key)),
    );
  }

  /** A chain that is in memory, with its fan-outs as they are now; `past` rows are the store's. */
  chainNow(id: string): ChainRow | undefined {
    const chain = this.state.chains.get(id);
    if (chain === undefined) return undefined;
    const row = chainRow(chain);
    return {
      ...row,
      steps: row.steps.map((step) => {
        const revised = revisedOf(this.state, chain, step);
        if (revised !== undefined) return { ...step, revised };
        const fanout = this.state.fanouts.get(runId(id, step.id, step.visit));
        return fanout?.stage !== "open" ? step : { ...step, summary: summaryOf(fanout) };
      }),
    };
  }

  /** A page of what a person finds to do here; refuses what is not theirs to see. */
  worklist(query: WorklistQuery, nowMs: number): WorklistPage {
    return worklistPage(this.state, query, nowMs);
  }

  /** A task of this desk; undefined where it is not here, or no business of the actor. */
  taskNow(id: string, actor: TaskActor, nowMs: number): TaskDetail | undefined {
    return taskDetail(this.state, id, actor, nowMs);
  }

  /** What a chain would look like now; a text answers what is wrong with the input. */
  planChain(
    application: Application,
    input: JsonValue,
    nowMs: number,
    { submitter = "", nodesMax = 0, named = [] }: PlanWishes = {},
  ): ChainPlan | string {
    const { state } = this;
    const { evaluate, validate, addWorkingTime } = this.options;
    const { inputSchema } = application;
    const wrong = inputSchema === undefined ? undefined : validate(inputSchema, input);
    if (wrong !== undefined) return wrong;
    const from = submitterArea(state, submitter);
    const wishes = { from, nodesMax, named };
    return dryRun({ state, evaluate, addWorkingTime, nowMs, application, input, ...wishes });
  }

  /** Kinds of commands that the task would take from this person now. */
  taskChoices(task: Task, actor: TaskActor, nowMs: number): readonly TaskCommand["kind"][] {
    return taskChoices(this.deciding(nowMs), task, actor);
  }

  /** Whether this peer has a live link. */
  isLinked(peer: Address): boolean {
    return this.links.byPeer.has(peer);
  }

  /** Whether the whole news of this hub's subtree can be expected to be in. */
  isSettled(): boolean {
    return this.state.staleNodes.size === 0;
  }
}
