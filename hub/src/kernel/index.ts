export type { ApplicationState, Publication } from "./application-state.ts";
export { findApplication, publicationOf, whyNotFound } from "./application-versions.ts";
export { defaultPriority } from "./apply-chain.ts";
export { audit, type Violation } from "./auditor.ts";
export type { ChainPlan, PlannedMatch, PlannedNode, PlannedStep } from "./chain-plan.ts";
export * from "./events.ts";
export type { NodeVerdict } from "./explain-match.ts";
export type { HubFact } from "./facts.ts";
export { HubKernel, type HubKernelOptions } from "./kernel.ts";
export { type RegistrationView, registrationKey, viewRegistration } from "./registrations.ts";
export { resolveScope } from "./registry.ts";
export { type ChainRow, liveTables } from "./rows.ts";
export type { ChainNote, ChildSummary, FanoutSummary, KeyHolder, StepRun } from "./state.ts";
export { isRenewable } from "./step-sign-in.ts";
export { isDispatcher, isSupervisor } from "./task-rights.ts";
export {
  holderOf,
  type Task,
  type TaskRequest,
  type TaskState,
  type TrailEntry,
  taskId,
} from "./task-state.ts";
export type { PasswordCheck, UserActor } from "./user-events.ts";
export { actingUser, type SignInToken, type User, userStateAt } from "./user-state.ts";
export {
  type TaskDetail,
  type TaskSummary,
  taskDetail,
  taskSummary,
  type WorklistCounts,
  type WorklistPage,
  type WorklistQuery,
  worklistCounts,
} from "./worklist.ts";
