// Steps of an agent's work: instructions come, are taken back, end, or pass their time.
//
// Owns what belongs to this life of the process alone: which news the next commit will tell, and
// which executions have been given up but have not come to their end. Nothing of it is journaled.

import type { Address, InstructionBody, Lane } from "../domain/index.ts";
import type { AgentDeciding } from "./agent-deciding.ts";
import type { AgentEvent } from "./agent-events.ts";
import { agentLimits } from "./agent-limits.ts";
import type { AgentOrders } from "./agent-link.ts";
import type { AgentInstruction } from "./agent-state.ts";

type EventOf<Type extends AgentEvent["type"]> = Extract<AgentEvent, { type: Type }>;

/** What this node's handlers can do. */
export interface AgentReach {
  readonly capabilities: ReadonlySet<string>;
  readonly withdrawable?: ReadonlySet<string>;
}

export class AgentWork implements AgentOrders {
  private readonly deciding: AgentDeciding;
  private readonly capabilities: ReadonlySet<string>;
  private readonly withdrawable: ReadonlySet<string>;
  /** Received since the last commit: accepted at its end if they still run (B3). */
  private readonly fresh = new Set<string>();
  /** Newest progress since the last commit, by instruction: one frame a commit at most. */
  private readonly news = new Map<string, { readonly ratio: number; readonly note: string }>();
  /** Answered without their handler, which has not ended yet (B2). */
  private readonly abandoned = new Set<string>();
  /** No deadline is before it. A lower bound: what has ended meanwhile costs one idle tick. */
  private dueBoundMs = Number.POSITIVE_INFINITY;

  constructor(deciding: AgentDeciding, reach: AgentReach) {
    this.deciding = deciding;
    this.capabilities = reach.capabilities;
    this.withdrawable = reach.withdrawable ?? new Set();
  }

  /** A new life begins: what was under way in the last one is run again or given up (B4). */
  restart(): void {
    const { nowMs, state } = this.deciding;
    for (const id of state.untold) this.emitWithdrawn(id);
    for (const instruction of this.running()) {
      const { id, capability, cancelReason, finishDueMs } = instruction;
      if (cancelReason !== "") this.endCancelled(instruction);
      else if (finishDueMs > 0 && finishDueMs <= nowMs) this.endExpired(id);
      else if (!this.capabilities.has(capability)) this.endUnknown(id, capability);
      else if (!instruction.deferred) this.run(instruction);
      // The last life's execution may have reached a worker before it could be kept as deferred.
      if (instruction.outcome !== "" && !state.untold.has(id)) this.withdraw(instruction);
    }
    this.findNextDue();
  }

  private *running(): Generator<AgentInstruction> {
    const { state } = this.deciding;
    for (const id of [...state.running]) {
      const instruction = state.instructions.get(id);
      if (instruction !== undefined) yield instruction;
    }
  }

  private run(instruction: AgentInstruction): void {
    const { id, chain, step, attempt, capability, input, finishDueMs, heartbeatMs } = instruction;
    this.deciding.emitEarly({
      type: "run",
      id,
      chain,
      step,
      attempt,
      capability,
      input,
      finishDueMs,
      heartbeatMs,
    });
  }

  instructed(origin: Address, body: InstructionBody, lane: Lane): void {
    const { state, decide } = this.deciding;
    const { id, attempt, finishMs } = body;
    const known = state.instructions.get(id);
    if (known !== undefined && attempt < known.attempt) return;
    if (known?.outcome === "") {
      if (attempt > known.attempt) decide({ t: "adopted", id, attempt, finishMs });
      this.fresh.add(id);
      this.noteDue(known.finishDueMs);
      return;
    }
    if (attempt === known?.attempt) {
      decide({ t: "repeated", id, attempt });
      return;
    }
    this.receive(origin, body, lane);
  }

  private receive(origin: Address, body: InstructionBody, lane: Lane): void {
    const { state, decide } = this.deciding;
    const { id, attempt, chain, step, capability, input, finishMs, heartbeatMs } = body;
    const running = state.running.size;
    decide({
      t: "received",
      id,
      chain,
      step,
      capability,
      input,
      origin,
      attempt,
      finishMs,
      heartbeatMs,
      ...(lane === "control" ? { lane } : {}),
    });
    if (attempt <= (state.tombstones.get(id)?.attempt ?? 0)) {
      this.end(id, "cancelled", "", "cancelled before it arrived", false);
    } else if (state.draining) {
      this.end(id, "returned", "DRAINING", "the node takes no new work", true);
    } else if (!this.capabilities.has(capability)) {
      this.endUnknown(id, capability);
    } else if (running >= agentLimits.runningMax) {
      this.end(id, "returned", "NODE_BUSY", `${running} instructions are under way`, true);
    } else {
      this.fresh.add(id);
      const instruction = state.instructions.get(id);
      if (instruction === undefined) return;
      this.noteDue(instruction.finishDueMs);
      // The execution that was given up may still act; ours begins when it has ended (B2).
      if (!this.abandoned.has(id)) this.run(instruction);
    }
  }

  cancelled(id: string, attempt: number, asked: string): void {
    const { state, decide, emitEarly } = this.deciding;
    const known = state.instructions.get(id);
    if (known !== undefined) {
      if (attempt < known.attempt) return;
      if (known.outcome !== "" && attempt === known.attempt) return;
    }
    const reason = asked === "" ? "cancelled" : asked;
    decide({ t: "cancelAsked", id, attempt, reason });
    if (known?.outcome !== "") return;
    if (known.deferred) {
      // Nothing runs that could end by itself; the answer of who works on it comes too late.
      this.endCancelled(known);
      this.withdraw(known);
      return;
    }
    this.noteDue(known.finishDueMs);
    emitEarly({ type: "abort", id, reason });
  }

  handlerEnded(event: EventOf<"ended">): void {
    const { id, outcome, output, errorCode, message, retryable } = event;
    const known = this.deciding.state.instructions.get(id);
    const wasAbandoned = this.abandoned.delete(id);
    if (known?.outcome !== "") return;
    if (known.cancelReason !== "" && (wasAbandoned || outcome !== "succeeded")) {
      this.endCancelled(known);
    } else if (wasAbandoned) {
      // What ended belongs to an attempt that has been answered; the newer one has waited for it.
      this.run(known);
    } else {
      this.fresh.delete(id);
      this.deciding.decide({ t: "ended", id, outcome, output, errorCode, message, retryable });
    }
  }

  deferred({ id }: EventOf<"deferred">): void {
    const known = this.deciding.state.instructions.get(id);
    const wasAbandoned = this.abandoned.delete(id);
    if (known === undefined || known.deferred) return;
    if (known.outcome !== "") {
      // Its time passed, or it was taken back, while the handler gave the work to another one.
      if (known.outcome === "cancelled" || known.outcome === "expired") this.withdraw(known);
    } else if (known.cancelReason !== "") {
      this.endCancelled(known);
      this.withdraw(known);
    } else if (wasAbandoned) {
      this.run(known);
    } else {
      this.deciding.decide({ t: "deferred", id });
    }
  }

  /** The first answer counts; who asks reads the state to learn whether it was this one. */
  answered(event: EventOf<"answered">): void {
    const { id, outcome, output, errorCode, message, retryable } = event;
    const known = this.deciding.state.instructions.get(id);
    if (known?.outcome !== "" || known.cancelReason !== "") return;
    this.fresh.delete(id);
    if (!known.deferred && !this.abandoned.has(id)) {
      this.abandoned.add(id);
      this.deciding.emitEarly({ type: "abort", id, reason: "it has been answered" });
    }
    this.deciding.decide({ t: "ended", id, outcome, output, errorCode, message, retryable });
  }

  claimed({ id, holder }: EventOf<"claimed">): void {
    const { state, decide } = this.deciding;
    if (state.deferred.has(id) && state.instructions.get(id)?.holder !== holder) {
      decide({ t: "claimed", id, holder });
    }
  }

  told({ id, attempt }: EventOf<"told">): void {
    const { state, decide } = this.deciding;
    const isOfIt = state.instructions.get(id)?.attempt === attempt;
    if (isOfIt && state.untold.has(id)) decide({ t: "told", id });
  }

  private withdraw({ id, capability }: AgentInstruction): void {
    if (!this.withdrawable.has(capability)) return;
    this.deciding.decide({ t: "withdrawn", id });
    this.emitWithdrawn(id);
  }

  private emitWithdrawn(id: string): void {
    const known = this.deciding.state.instructions.get(id);
    if (known === undefined || known.outcome === "") return;
    const { chain, step, attempt, capability, outcome, message: reason } = known;
    // Kept for a life whose configuration can tell it.
    if (!this.withdrawable.has(capability)) return;
    this.deciding.emit({
      type: "withdrawn",
      id,
      chain,
      step,
      attempt,
      capability,
      outcome,
      reason,
    });
  }

  /** Only what succeeded and is remembered can be corrected. */
  revised({ id, output }: EventOf<"revised">): void {
    if (this.deciding.state.instructions.get(id)?.outcome !== "succeeded") return;
    this.deciding.decide({ t: "revised", id, output });
  }

  progressed(event: EventOf<"progress">): void {
    const { id, ratio, note } = event;
    if (this.deciding.state.instructions.get(id)?.outcome !== "") return;
    if (!this.abandoned.has(id)) this.news.set(id, { ratio, note });
  }

  /** Ends what has passed its time. */
  tick(): void {
    const { nowMs } = this.deciding;
    if (this.dueBoundMs > nowMs) return;
    for (const instruction of this.running()) {
      const { id, cancelReason, finishDueMs } = instruction;
      if (finishDueMs === 0 || finishDueMs > nowMs) continue;
      if (instruction.deferred) {
        this.endExpired(id);
        this.withdraw(instruction);
        continue;
      }
      this.abandoned.add(id);
      if (cancelReason !== "") {
        this.endCancelled(instruction);
      } else {
        this.deciding.emitEarly({ type: "abort", id, reason: "the finish deadline has passed" });
        this.endExpired(id);
      }
    }
    this.findNextDue();
  }

  wakeAtMs(): number | undefined {
    const isIdle = this.deciding.state.running.size === 0;
    return isIdle || this.dueBoundMs === Number.POSITIVE_INFINITY ? undefined : this.dueBoundMs;
  }

  /** Decides what only the end of a commit can tell: whether there is an outcome already (B3). */
  settle(): void {
    const { state, decide } = this.deciding;
    for (const id of this.fresh) {
      if (state.instructions.get(id)?.outcome === "") decide({ t: "accepted", id });
    }
    this.fresh.clear();
    if (this.news.size === 0) return;
    for (const [id, { ratio, note }] of this.news) {
      if (state.session.unacknowledged() >= agentLimits.newsOutboxMax) break;
      if (state.instructions.get(id)?.outcome === "") decide({ t: "progressed", id, ratio, note });
    }
    this.news.clear();
  }

  private noteDue(finishDueMs: number): void {
    if (finishDueMs > 0) this.dueBoundMs = Math.min(this.dueBoundMs, finishDueMs);
  }

  private findNextDue(): void {
    this.dueBoundMs = Number.POSITIVE_INFINITY;
    for (const { finishDueMs } of this.running()) this.noteDue(finishDueMs);
  }

  private endCancelled(instruction: AgentInstruction): void {
    const { id, cancelReason, retryable } = instruction;
    this.end(id, "cancelled", "", cancelReason, retryable);
  }

  private endExpired(id: string): void {
    this.end(id, "expired", "FINISH_DEADLINE", "not done in time", true);
  }

  private endUnknown(id: string, capability: string): void {
    this.end(id, "returned", "CAPABILITY_UNKNOWN", `no handler for ${capability}`, false);
  }

  private end(
    id: string,
    outcome: "cancelled" | "returned" | "expired",
    errorCode: string,
    message: string,
    retryable: boolean,
  ): void {
    this.fresh.delete(id);
    this.deciding.decide({ t: "ended", id, outcome, output: "", errorCode, message, retryable });
  }
}
