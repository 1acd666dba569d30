// Simulated agent: the real AgentKernel in a simulated node, and handlers that behave as badly as
// the world's faults ask for.
//
//   H1  A handler belongs to a life of its process: a crash ends it without a word.
//   H2  What a handler returns names the instruction and attempt it was returned for, so that the
//       checkers can tell which feedback an aggregate has counted.
//   H3  Some handlers put their outcome off: it comes from outside, whatever becomes of the
//       process.

import { type Address, type Outcome, parentOf } from "@cloudbrain/sdk/domain";
import { type AgentEvent, AgentKernel, type AgentOutput, liveTables } from "@cloudbrain/sdk/kernel";
import type { Session } from "@cloudbrain/sdk/session";
import { numberOf } from "./scenarios.ts";
import { SimNode } from "./sim-node.ts";

/** Of handlers, in a simulated world. */
const deferredShare = 0.1;

type Run = Extract<AgentOutput, { type: "run" }>;

export class SimAgent extends SimNode<AgentEvent, AgentOutput> {
  protected readonly liveTables = liveTables;
  /** Executions that are under way in this life, by instruction. */
  private readonly working = new Map<string, number>();
  private lastExecution = 0;

  createKernel(): AgentKernel {
    const { address, capabilities } = this.description;
    const parent = parentOf(address);
    if (parent === undefined) throw new Error(`${address} has no hub above it`);
    return new AgentKernel({ address, parent, capabilities: new Set(capabilities) });
  }

  get agent(): AgentKernel {
    return this.kernel as AgentKernel;
  }

  /** Instructions that are not ended here. */
  openWork(): number {
    return this.agent.state.running.size;
  }

  drain(): void {
    this.submit({ type: "drain" });
  }

  sessions(): ReadonlyMap<Address, Session> {
    const { parent, session } = this.agent.state;
    return new Map([[parent, session]]);
  }

  protected isDraining(): boolean {
    return this.agent.state.draining;
  }

  protected releaseOne(output: AgentOutput): void {
    switch (output.type) {
      case "run":
        this.startHandler(output);
        return;
      case "abort":
        this.abortHandler(output.id);
        return;
      case "withdrawn":
        // Our kernel has no capabilities whose handlers tell somebody outside.
        return;
      default:
        this.releaseShared(output);
    }
  }

  private startHandler(run: Run): void {
    const { dice, faults, checkers, timeline } = this.world;
    const { id, attempt } = run;
    const { lives } = this;
    checkers.executed(this, run);
    this.lastExecution += 1;
    const execution = this.lastExecution;
    this.working.set(id, execution);
    const delayMs = dice.whole("work", this.address, { low: 5, high: 4_000 });
    const isBad = dice.chance("bad handler", this.address, faults.badHandlers());
    const roll = isBad ? dice.roll("how bad", this.address) : 1;
    if (roll < 0.15) return; // Never answers: a deadline has to end it.
    if (dice.chance("tells progress", this.address, 0.2)) {
      this.later(delayMs / 2, id, execution, () => {
        this.submit({ type: "progress", id, ratio: 0.5, note: "half" });
      });
    }
    const isDeferred = dice.chance("puts off", this.address, deferredShare);
    this.later(delayMs, id, execution, () => {
      this.working.delete(id);
      const tag = `${id}#${attempt}`;
      if (run.capability === "break/v1") {
        this.fail(id, "failed", { code: "DEFECT", retryable: false });
        return;
      }
      if (isDeferred) {
        this.submit({ type: "deferred", id });
        if (run.heartbeatMs > 0) this.showLife(id, run.heartbeatMs / 2);
        this.answerLater(id, tag, run.capability);
        return;
      }
      if (roll < 0.5) this.fail(id, "failed", { code: "BUSY", retryable: true });
      else if (roll < 0.65) this.fail(id, "failed", { code: "DEFECT", retryable: false });
      else if (roll < 0.8) this.fail(id, "returned", { code: "NOT_OURS", retryable: false });
      else this.succeed(id, tag, run.capability);
      if (run.capability === "report/v1" && roll >= 0.8) this.reviseLater(id, tag);
      if (!isBad || roll < 0.8) return;
      timeline.schedule(50, () => {
        // A second answer, unless a newer execution of the instruction is under way by now.
        if (this.lives === lives && !this.working.has(id)) this.succeed(id, tag, run.capability);
      });
    });
  }

  /** Whoever works on it outside owes the heartbeats that a handler owes. */
  private showLife(id: string, everyMs: number): void {
    if (this.agent.state.instructions.get(id)?.outcome !== "") return;
    if (this.isUp) this.submit({ type: "progress", id, ratio: 0.5, note: "outside" });
    this.world.timeline.schedule(everyMs, () => this.showLife(id, everyMs));
  }

  /** Whoever works on it outside comes back until it is taken, or nobody wants it any more. */
  private answerLater(id: string, tag: string, capability: string): void {
    const { dice, timeline } = this.world;
    const delayMs = dice.whole("works outside", this.address, { low: 5, high: 6_000 });
    timeline.schedule(delayMs, () => {
      if (!this.isUp) {
        this.answerLater(id, tag, capability);
        return;
      }
      if (this.agent.state.instructions.get(id)?.outcome !== "") return;
      this.world.checkers.returned(tag, this.address);
      const outcome = { outcome: "succeeded", output: this.outputOf(tag, capability) } as const;
      this.submit({
        type: "answered",
        id,
        ...outcome,
        errorCode: "",
        message: "",
        retryable: false,
      });
    });
  }

  /** Who has reported may know better later, more than once. */
  private reviseLater(id: string, tag: string): void {
    const { dice, timeline, checkers } = this.world;
    const { lives, stores } = this;
    const count = dice.whole("revisions", this.address, { low: 0, high: 2 });
    for (let revision = 1; revision <= count; revision += 1) {
      const delayMs = dice.whole("revise after", this.address, { low: 50, high: 25_000 });
      timeline.schedule(delayMs, () => {
        if (!this.isUp || this.lives !== lives || this.stores !== stores) return;
        if (this.working.has(id)) return;
        const revised = `${tag}r${revision}`;
        checkers.returned(revised, this.address);
        this.submit({ type: "revised", id, output: this.outputOf(revised, "report/v1") });
      });
    }
  }

  /** Runs in this life only, and only while this execution has not been ended otherwise. */
  private later(delayMs: number, id: string, execution: number, run: () => void): void {
    const { lives } = this;
    this.world.timeline.schedule(delayMs, () => {
      if (this.lives === lives && this.isUp && this.working.get(id) === execution) run();
    });
  }

  /** An aborted handler ends soon; the shell sees to that with a grace of its own. */
  private abortHandler(id: string): void {
    const execution = this.working.get(id);
    if (execution === undefined) return;
    const delayMs = this.world.dice.whole("abort", this.address, { low: 1, high: 500 });
    this.later(delayMs, id, execution, () => {
      this.working.delete(id);
      this.fail(id, "cancelled", { code: "", retryable: false });
    });
  }

  private succeed(id: string, tag: string, capability: string): void {
    this.world.checkers.returned(tag, this.address);
    const output = this.outputOf(tag, capability);
    const errors = { errorCode: "", message: "", retryable: false };
    this.submit({ type: "ended", id, outcome: "succeeded", output, ...errors });
  }

  private fail(
    id: string,
    outcome: Outcome,
    how: { readonly code: string; readonly retryable: boolean },
  ): void {
    const message = "as the simulation wished";
    const errors = { errorCode: how.code, message, retryable: how.retryable };
    this.submit({ type: "ended", id, outcome, output: "", ...errors });
  }

  private outputOf(tag: string, capability: string): string {
    const { dice, largeInputs, scenario } = this.world;
    const pad = dice.chance("large output", this.address, largeInputs) ? "x".repeat(33_000) : "";
    const more = scenario.answerOf(capability, tag);
    return JSON.stringify({ tag, v: numberOf(tag), big: numberOf(tag) >= 500, pad, ...more });
  }

  protected override crashed(): void {
    this.working.clear();
  }
}
