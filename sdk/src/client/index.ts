export {
  type ApplicationInfo,
  type ApplicationState,
  applicationStates,
  type GapInfo,
  type HubRegistrationInfo,
  type PublishedApplication,
  type RegisteredApplicationInfo,
  type RegistrationInfo,
} from "./application-results.ts";
export {
  BlobChannel,
  type BlobServing,
} from "./blob-channel.ts";
export type {
  BlobCalls,
  BlobDescription,
  BlobReferrer,
  GetBlobOptions,
  PutBlobOptions,
  PutBlobResult,
} from "./blobs.ts";
export type { CallBounds } from "./calls.ts";
export type {
  ChainControl,
  RematchOptions,
  RetryOptions,
  Signalled,
  SignalOptions,
  SkipOptions,
} from "./chain-control.ts";
export {
  type ChainFilter,
  type Client,
  type ClientOptions,
  createClient,
  type DryRunOptions,
  type DryRunSubject,
  type NodeFilter,
  type RunOptions,
  type SourceOptions,
  type SubmitOptions,
  type Submitted,
} from "./client.ts";
export {
  type ChainPlanInfo,
  type NodeVerdictInfo,
  type PlannedCompensationInfo,
  type PlannedFate,
  type PlannedMatchInfo,
  type PlannedNodeInfo,
  type PlannedStepInfo,
  plannedFates,
} from "./plan-results.ts";
export type {
  DirectoryInfo,
  ResourceCalls,
  ResourceFacet,
  ResourceFilter,
  ResourceInfo,
  ResourcePage,
  ResourceSearch,
} from "./resources.ts";
export {
  type ChainNote,
  type ChainSnapshot,
  type ChainState,
  chainStates,
  type Diagnostic,
  type FanoutChildSnapshot,
  type FanoutSnapshot,
  type HubStatus,
  isEndedState,
  type NodeInfo,
  type NodeState,
  nodeStates,
  type StepSnapshot,
  type StepState,
  type StepWait,
  stepStates,
} from "./results.ts";
export type {
  ReturnDecision,
  TaskCalls,
  TaskCommandOptions,
  TaskQuery,
  TaskReasonOptions,
  TaskReceipt,
  TaskReceiver,
  TaskWatchOptions,
} from "./task-calls.ts";
export type {
  CoHandlingInfo,
  TaskCounts,
  TaskDetailInfo,
  TaskInfo,
  TaskNews,
  TaskRequestInfo,
  TaskTrailEntry,
  TaskVersion,
} from "./task-results.ts";
export type {
  Identity,
  SignIn,
  UserCalls,
  UserDraft,
  UserFilter,
  UserInfo,
} from "./users.ts";
export type { WatchOptions } from "./watching.ts";
