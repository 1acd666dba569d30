export { type AgentOptions, type AgentsConfig, loadAgents } from "./agent/agent-config.ts";
export { type AgentRunHost, runAgents } from "./agent/agent-run.ts";
