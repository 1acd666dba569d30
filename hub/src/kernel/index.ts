export { defaultPriority } from "./apply-chain.ts";
export { audit, type Violation } from "./auditor.ts";
export * from "./events.ts";
export type { HubFact } from "./facts.ts";
export { HubKernel, type HubKernelOptions } from "./kernel.ts";
export { type ChainRow, liveTables } from "./rows.ts";
export type { ChainNote, ChildSummary, FanoutSummary, KeyHolder, StepRun } from "./state.ts";
