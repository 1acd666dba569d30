export type { TestHubKernel, TestHubKernelClass, TestTaskDetail } from "./hub-contract.ts";
export {
  type InstructionResult,
  type RunInstructionOptions,
  runInstruction,
} from "./run-instruction.ts";
export type { TestChain } from "./test-chain.ts";
export type { TestClock } from "./test-clock.ts";
export type { TestFaults } from "./test-link.ts";
export {
  type TestMesh,
  type TestMeshOptions,
  type TestRunOptions,
  testMesh,
} from "./test-mesh.ts";
export type { TestPerson, TestPersonOptions } from "./test-person.ts";
export type { TestHubFeatures } from "./test-tree.ts";
