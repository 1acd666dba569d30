export type { AgentEvent, AgentOutput, GivenOutcome } from "./agent-events.ts";
export type { AgentFact } from "./agent-facts.ts";
export { AgentKernel, type AgentKernelOptions, liveTables } from "./agent-kernel.ts";
export { agentLimits } from "./agent-limits.ts";
export type { AgentInstruction } from "./agent-state.ts";
