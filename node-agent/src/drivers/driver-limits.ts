// Limits of drivers and of the local API, each with its reason.

import { limits } from "@cloudbrain/sdk/domain";
import { agentLimits } from "@cloudbrain/sdk/kernel";

export const driverLimits = {
  /** Requests of one driver at once: an ordinary business system takes as many. */
  requestsDefault: 8,
  requestsMax: 1_000,
  /** Time for one request. Longer work is answered later. */
  requestMsDefault: 30_000,
  requestMsMin: 100,
  requestMsMax: 600_000,
  /** An answer that is larger would not fit a frame to the hub. */
  answerBytesMax: limits.outputBytesMax,
  /** The first pause after a failure; each one doubles it, and dice spread it. */
  retryMsFirst: 500,
  /** A system that was down for a night is found again within a minute. */
  retryMsMax: 60_000,
  /** A longer Retry-After is a mistake, and the deadline is somebody else's. */
  retryAfterMsMax: 3_600_000,
  /** Instructions of one driver that wait for their system: as many as an agent has at all. */
  pendingMax: agentLimits.runningMax,
  /** HMAC-SHA-256 with less is guessed. */
  secretCharsMin: 16,
  /** One request to the local API: a whole output and its wrapping. */
  apiBodyBytesMax: limits.outputBytesMax + 16 * 1024,
  /** Instructions of one page of the local API. */
  pageDefault: 100,
  pageMax: 1_000,
  /** The name of who claims. */
  holderCharsMax: 100,
} as const;
