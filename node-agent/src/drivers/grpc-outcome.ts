// gRPC outcome: what a status of a business system means. The table stands in
// docs/agent-drivers.md.

import { status } from "@grpc/grpc-js";

export type GrpcMeaning = "again" | "returned" | "failed" | "failedForGood";

const meanings: Readonly<Record<Exclude<status, status.OK>, GrpcMeaning>> = {
  [status.UNAVAILABLE]: "again",
  [status.RESOURCE_EXHAUSTED]: "again",
  [status.ABORTED]: "again",
  [status.DEADLINE_EXCEEDED]: "again",
  [status.FAILED_PRECONDITION]: "returned",
  [status.CANCELLED]: "failed",
  [status.UNKNOWN]: "failed",
  [status.INTERNAL]: "failed",
  [status.INVALID_ARGUMENT]: "failedForGood",
  [status.OUT_OF_RANGE]: "failedForGood",
  [status.NOT_FOUND]: "failedForGood",
  [status.ALREADY_EXISTS]: "failedForGood",
  [status.PERMISSION_DENIED]: "failedForGood",
  [status.UNAUTHENTICATED]: "failedForGood",
  [status.UNIMPLEMENTED]: "failedForGood",
  [status.DATA_LOSS]: "failedForGood",
};

export function meaningOf(code: Exclude<status, status.OK>): GrpcMeaning {
  return meanings[code] ?? "failed";
}

/** How grpc-js begins the details of a response that is over our limit: no such call will fit. */
const tooLargeWords = "Received message larger than max";

export function isTooLarge(code: status, details: string): boolean {
  return code === status.RESOURCE_EXHAUSTED && details.startsWith(tooLargeWords);
}
