export { audit, type Violation } from "./auditor.ts";
export * from "./events.ts";
export type { HubFact } from "./facts.ts";
export { HubKernel, type HubKernelOptions } from "./kernel.ts";
export { type ChainRow, liveTables } from "./rows.ts";
export type { ChildSummary, FanoutSummary, KeyHolder, StepRun } from "./state.ts";
export { isRenewable } from "./step-sign-in.ts";
export type { PasswordCheck, UserActor } from "./user-events.ts";
export { actingUser, type SignInToken, type User, userStateAt } from "./user-state.ts";
