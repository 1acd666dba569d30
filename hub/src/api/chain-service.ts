// ChainService: items in, chains out.

import { createHash } from "node:crypto";
import type {
  ChainServiceServer,
  ListChainsRequest,
  SubmitChainRequest,
  SubmitChainResponse,
} from "@cloudbrain/proto";
import {
  canonicalJson,
  isMeshError,
  type JsonValue,
  limits,
  MeshError,
} from "@cloudbrain/sdk/domain";
import { createUlid } from "../identifiers.ts";
import { type ChainRow, findApplication, type HubEvent } from "../kernel/index.ts";
import { parseJsonField, refusalOf } from "./answers.ts";
import { missingBlobs, whileKept } from "./blob-fields.ts";
import { type CallContext, duplex, noteDefect, serverStream, unary } from "./calls.ts";
import { createChainCommands } from "./chain-commands.ts";
import { protoChain, protoChainState } from "./chain-messages.ts";
import { ChainRuns } from "./chain-runs.ts";
import type { ServiceParts } from "./services.ts";
import { requireRight } from "./user-rights.ts";
import { whoOf } from "./who-of.ts";

const pageDefault = 50;
const pageMax = 500;
const settledStates: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled"]);
const isAtRest = (state: string): boolean => settledStates.has(state) || state === "suspended";

export function createChainService(parts: ServiceParts): ChainServiceServer {
  const { calls: host } = parts;
  return {
    submitChain: unary(host, "use", (request: SubmitChainRequest, context) =>
      submit(parts, request, context),
    ),
    runChains: duplex(
      host,
      "use",
      (context, outbound) =>
        new ChainRuns({
          outbound,
          submit: (request) => submit(parts, request, context),
          noteFailure: (error) => noteDefect(host, error),
          follow: (chain, told) => follow(parts, chain, told),
        }),
    ),
    getChain: unary(host, "use", async ({ chain }) => ({
      chain: protoChain(await existing(parts, chain)),
    })),
    listChains: unary(host, "use", (request) => list(parts, request)),
    watchChain: serverStream(host, "use", async function* (request, { signal }) {
      const after = Number(request.afterRevision);
      for await (const row of snapshots(parts, request.chain, after, signal)) {
        yield { chain: protoChain(row) };
      }
    }),
    ...createChainCommands(parts),
  };
}

async function submit(
  parts: ServiceParts,
  request: SubmitChainRequest,
  context: CallContext,
): Promise<SubmitChainResponse> {
  const { application, version, key } = request;
  requireRight(context.user, application, "start");
  const submitter = whoOf(context);
  const input = parseJsonField("input", request.input, limits.inputBytesMax) ?? {};
  if (key.length > limits.keyCharsMax || key.includes("\u0000") || key.includes("\u0001")) {
    throw new MeshError("INPUT_INVALID", {
      subject: "key",
      detail: `it must have at most ${limits.keyCharsMax} characters and no control characters`,
    });
  }
  refuseMissingBlobs(parts, application, version, input);
  const chain = createUlid(parts.journal.now());
  const body = canonicalJson([application, version, input]);
  const bodyHash = createHash("sha256").update(body).digest("base64url");
  // Without a key nothing can have been submitted with it before.
  const holder = key === "" ? undefined : await parts.history.keyHolder(application, key);
  const ask = (id: number): HubEvent => ({
    type: "submit",
    request: id,
    chain,
    application,
    version,
    key,
    bodyHash,
    input,
    submitter,
    holder,
  });
  const answer = await whileKept(parts, input, () => parts.driver.request(ask));
  if (answer.kind !== "accepted") throw refusalOf(answer, application);
  return { chain: answer.chain, existed: answer.existed };
}

function refuseMissingBlobs(
  parts: ServiceParts,
  id: string,
  version: string,
  input: JsonValue,
): void {
  const schema = findApplication(parts.kernel.state, id, version)?.inputSchema;
  const missing = missingBlobs(parts, schema, input);
  if (missing !== undefined) throw new MeshError("CHAIN_INVALID", { subject: id, detail: missing });
}

/** A user needs the right to manage the chain's application; a node that acts alone needs none. */
export async function requireManager(
  parts: ServiceParts,
  chain: string,
  context: CallContext,
): Promise<void> {
  if (context.user === undefined) return;
  const { application } = await existing(parts, chain);
  requireRight(context.user, application.slice(0, application.lastIndexOf("@")), "manage");
}

/**
 * The chain as it is now; waits until what it shows is durable. What a chain shows when it has
 * ended is durable with the revision that ended it.
 */
export async function existing(
  parts: ServiceParts,
  chain: string,
  durableRevision = 0,
): Promise<ChainRow> {
  const row = await parts.history.chain(chain);
  if (row === undefined) {
    throw new MeshError("CHAIN_UNKNOWN", {
      subject: chain,
      detail: `no chain ${chain} is known at this hub`,
    });
  }
  const isDurable = settledStates.has(row.state) && row.revision <= durableRevision;
  if (!isDurable) await durable(parts);
  return row;
}

/** Resolves when all that the kernel has decided until now is durable. */
export function durable(parts: ServiceParts): Promise<void> {
  return new Promise((resolve) => parts.journal.whenDurable(resolve));
}

async function list(parts: ServiceParts, request: ListChainsRequest) {
  const size = Math.min(request.pageSize === 0 ? pageDefault : request.pageSize, pageMax);
  const rows: ChainRow[] = [];
  let before = request.pageToken;
  // Filters may leave little of a page: read on until it is full or nothing is left.
  for (;;) {
    const page = await parts.history.chains({ before, limit: size });
    for (const row of page) {
      before = row.id;
      const isWanted =
        (request.state === 0 || protoChainState(row.state) === request.state) &&
        (request.application === "" || row.application.startsWith(`${request.application}@`));
      if (isWanted) rows.push(row);
      if (rows.length === size) break;
    }
    if (rows.length === size || page.length < size) {
      await durable(parts);
      const isLast = page.length < size && rows.length < size;
      return { chains: rows.map(protoChain), nextPageToken: isLast ? "" : before };
    }
  }
}

/**
 * Tells the chain once, when it has ended or is suspended, or why it can't be told. Returns what
 * ends that.
 */
function follow(
  parts: ServiceParts,
  chain: string,
  told: (outcome: ChainRow | MeshError) => void,
): () => void {
  let isOver = false;
  const stop = (): void => {
    isOver = true;
    unsubscribe();
  };
  const look = async (durableRevision: number): Promise<void> => {
    // A row costs a fold over all members of a running fan-out: only states that are wanted.
    const live = parts.kernel.state.chains.get(chain);
    if (live !== undefined && !isAtRest(live.state)) return;
    const row = await existing(parts, chain, durableRevision);
    if (isOver || !isAtRest(row.state)) return;
    stop();
    told(row);
  };
  const lookNow = (durableRevision: number): void => {
    look(durableRevision).catch((error: unknown) => {
      if (isOver) return;
      stop();
      told(isMeshError(error) ? error : new MeshError("DEFECT", { cause: error }));
    });
  };
  const unsubscribe = parts.watch.subscribe(chain, lookNow);
  lookNow(0);
  return stop;
}

/** The chain now and after each durable change, until it has ended or the caller has gone. */
async function* snapshots(
  parts: ServiceParts,
  chain: string,
  afterRevision: number,
  signal: AbortSignal,
): AsyncGenerator<ChainRow> {
  let wake: () => void = () => undefined;
  let isDirty = true;
  let durableRevision = 0;
  const unsubscribe = parts.watch.subscribe(chain, (revision) => {
    isDirty = true;
    durableRevision = revision;
    wake();
  });
  const aborted = (): void => wake();
  signal.addEventListener("abort", aborted);
  try {
    let seen = afterRevision;
    while (!signal.aborted) {
      if (isDirty) {
        isDirty = false;
        const row = await existing(parts, chain, durableRevision);
        const isOver = settledStates.has(row.state);
        if (row.revision > seen || isOver) {
          seen = row.revision;
          yield row;
        }
        if (isOver) return;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal.removeEventListener("abort", aborted);
    unsubscribe();
  }
}
