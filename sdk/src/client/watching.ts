// Watching: follows a chain over broken connections.
//
//   H1  A snapshot is given once: revisions grow from one to the next.
//   H2  Before the first snapshot every error is the caller's: the hub may be wrong. After it, the
//       connection is made again from the last revision until the hub has been silent too long.
//   H3  Each connection asks for the chain as it is now, though the caller may know that: a hub
//       that answers lives, and one that has gone is told from a chain without news.

import type { ChainServiceClient } from "@cloudbrain/proto";
import { MeshError } from "../domain/index.ts";
import { type CallHost, callStream } from "./calls.ts";
import { type ChainSnapshot, isEndedState, readChain } from "./results.ts";

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Snapshots up to this revision are known to the caller; 0 for none. */
  readonly afterRevision?: number | undefined;
  /** How long the hub may be gone, once it has answered; 60 s by default. */
  readonly patienceMs?: number | undefined;
}

export const patienceMsDefault = 60_000;
const retryMsMin = 100;
const retryMsMax = 2_000;

export async function* watchChain(
  host: CallHost,
  chains: ChainServiceClient,
  chain: string,
  options: WatchOptions,
): AsyncGenerator<ChainSnapshot> {
  const { signal, patienceMs = patienceMsDefault } = options;
  let revision = options.afterRevision ?? 0;
  let lostAtMs: number | undefined;
  let isKnown = revision > 0;
  let retryMs = retryMsMin;
  let last: ChainSnapshot | undefined;
  for (;;) {
    const leftMs = lostAtMs === undefined ? patienceMs : lostAtMs + patienceMs - performance.now();
    if (leftMs <= 0) {
      const detail = `the hub has been gone for ${Math.round(patienceMs / 1_000)} s`;
      throw new MeshError("UNREACHABLE", { subject: host.hub, detail });
    }
    try {
      const bounds = {
        signal,
        firstMs: isKnown ? Math.min(host.timeoutMs, leftMs) : host.timeoutMs,
      };
      const method = chains.watchChain.bind(chains);
      for await (const response of callStream(host, method, { chain, afterRevision: 0n }, bounds)) {
        if (response.chain === undefined) continue;
        const snapshot = readChain(response.chain);
        isKnown = true;
        lostAtMs = undefined;
        retryMs = retryMsMin;
        // The last state of an ended chain comes again to who has seen it already.
        if (isEndedState(snapshot.state)) {
          // Given once the hub has ended the stream: whoever leaves then cancels nothing.
          last = snapshot;
        } else if (snapshot.revision > revision) {
          revision = snapshot.revision;
          yield snapshot;
        }
      }
    } catch (error) {
      const isPassing = isTransient(error) || isSilence(error, signal);
      if (last === undefined && (!isKnown || !isPassing)) throw error;
    }
    if (last !== undefined) {
      yield last;
      return;
    }
    lostAtMs ??= performance.now();
    await pause(retryMs * (0.5 + Math.random() / 2), signal);
    retryMs = Math.min(retryMs * 2, retryMsMax);
  }
}

/** The hub did not answer in time; the same code with an aborted signal is the caller's own. */
export function isSilence(error: unknown, signal: AbortSignal | undefined): boolean {
  return error instanceof MeshError && error.code === "TIMEOUT" && signal?.aborted !== true;
}

export function isTransient(error: unknown): boolean {
  if (!(error instanceof MeshError)) return false;
  return error.code === "UNREACHABLE" || error.code === "HUB_BUSY" || error.code === "DRAINING";
}

export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over, { once: true });
  });
}
