// What the steps of an agent's kernel read and how they decide.

import type { AgentOutput } from "./agent-events.ts";
import type { AgentFact } from "./agent-facts.ts";
import type { AgentState } from "./agent-state.ts";

export interface AgentDeciding {
  readonly state: AgentState;
  /** Journal time of the event that is being stepped. */
  readonly nowMs: number;
  /** Journals the fact and applies it to the state at once. */
  readonly decide: (fact: AgentFact) => void;
  /** Leaves once the facts before it are durable. */
  readonly emit: (output: AgentOutput) => void;
  /** Leaves at once: it promises nothing to anybody. */
  readonly emitEarly: (output: AgentOutput) => void;
}
