export type { AgentEvent, AgentOutput } from "./agent-events.ts";
export { AgentKernel, type AgentKernelOptions, liveTables } from "./agent-kernel.ts";
export { agentLimits } from "./agent-limits.ts";
export type { AgentFact } from "./agent-state.ts";
