// Limits of an agent, each with its reason.

export const agentLimits = {
  /** Ended instructions that are remembered: what a hub with a new store may ask again soon. */
  endedMax: 1_000,
  /**
   * Cancellations of instructions that were not seen: they overtake on another lane, by seconds.
   */
  tombstonesMax: 1_000,
  /** Instructions that wait or run; beyond it they are returned, so that others can do them. */
  runningMax: 10_000,
  /** Progress is news: while so much waits for the hub, what nobody reads is not kept. */
  newsOutboxMax: 1_000,
  /** How long a handler that was asked to stop may take until the hub is answered without it. */
  cancelGraceMs: 10_000,
} as const;
