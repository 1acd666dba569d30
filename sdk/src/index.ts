// The vendor's surface: a node with its contracts, and a client for callers. Nothing connects at
// import. What a part of the mesh itself needs beyond this has its own subpath.

export {
  type ApplicationInfo,
  type CallBounds,
  type ChainSnapshot,
  type ChainState,
  type Client,
  type ClientOptions,
  createClient,
  type Diagnostic,
  type FanoutChildSnapshot,
  type FanoutSnapshot,
  type HubStatus,
  type NodeInfo,
  type StepSnapshot,
  type StepState,
  type SubmitOptions,
  type Submitted,
} from "./client/index.ts";
export {
  type Address,
  type ErrorCode,
  isMeshError,
  type JsonObject,
  type JsonValue,
  MeshError,
  type NodeKind,
  type Outcome,
  type Retry,
  type Title,
} from "./domain/index.ts";
export { type Credentials, readCredentials } from "./identity/index.ts";
export {
  type AnyHandler,
  type ArgumentOf,
  type CapabilityContract,
  capability,
  createNode,
  type Duration,
  type InputOf,
  type InstructionContext,
  type InstructionContract,
  initNode,
  instruction,
  type Node,
  type NodeConnection,
  type NodeLog,
  type NodeOptions,
  type StateListener,
} from "./node/index.ts";
