// Chain commands: what a caller does to a chain that is under way.
//
//   O1  Operators hold, resume, skip and rematch; whoever uses the hub may cancel, retry a chain
//       that is suspended, and signal. Who called stands in the chain.

import type { ChainServiceServer, SignalChainRequest } from "@cloudbrain/proto";
import { type Address, limits, MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import { parseJsonField, refusalOf } from "./answers.ts";
import { whileKept } from "./blob-fields.ts";
import { isAllowed } from "./callers.ts";
import { unary } from "./calls.ts";
import { existing, requireManager } from "./chain-service.ts";
import type { ServiceParts } from "./services.ts";
import { whoOf } from "./who-of.ts";

type ChainCommands = Pick<
  ChainServiceServer,
  | "cancelChain"
  | "retryChain"
  | "suspendChain"
  | "resumeChain"
  | "skipStep"
  | "rematchStep"
  | "signalChain"
>;

export function createChainCommands(parts: ServiceParts): ChainCommands {
  const { calls: host } = parts;
  return {
    cancelChain: unary(host, "use", async ({ chain, reason: text }, context) => {
      await requireManager(parts, chain, context);
      const by = whoOf(context);
      const reason = text === "" ? "cancelled" : clip(text);
      await command(parts, chain, (request) => ({ type: "cancel", request, chain, reason, by }));
      return {};
    }),
    retryChain: unary(host, "use", async ({ chain, step, reason: text }, context) => {
      await requireManager(parts, chain, context);
      if (step !== "") assertManages(parts, context.caller);
      const by = whoOf(context);
      const one = step === "" ? {} : { step };
      const how = { by, reason: clip(text), ...one };
      await command(parts, chain, (request) => ({ type: "retry", request, chain, ...how }));
      return {};
    }),
    suspendChain: unary(host, "manage", async ({ chain, reason: text }, context) => {
      const how = { by: whoOf(context), reason: clip(text) };
      await command(parts, chain, (request) => ({ type: "suspend", request, chain, ...how }));
      return {};
    }),
    resumeChain: unary(host, "manage", async ({ chain, reason: text }, context) => {
      const how = { by: whoOf(context), reason: clip(text) };
      await command(parts, chain, (request) => ({ type: "resume", request, chain, ...how }));
      return {};
    }),
    skipStep: unary(host, "manage", async ({ chain, step, reason: text, output }, context) => {
      const value = parseJsonField("output", output, limits.outputBytesDefault) ?? null;
      const how = { step, by: whoOf(context), reason: clip(text), output: value };
      await command(parts, chain, (request) => ({ type: "skip", request, chain, ...how }));
      return {};
    }),
    rematchStep: unary(host, "manage", async (asked, context) => {
      const { chain, step, member, node } = asked;
      const how = {
        step,
        by: whoOf(context),
        reason: clip(asked.reason),
        ...(member === "" ? {} : { member }),
        ...(node === "" ? {} : { node: parseAddress(node) }),
      };
      await command(parts, chain, (request) => ({ type: "rematch", request, chain, ...how }));
      return {};
    }),
    signalChain: unary(host, "use", (request, context) => signal(parts, request, whoOf(context))),
  };
}

/** What people write stands in rows: as long as a key, no longer. */
function clip(text: string): string {
  return text.slice(0, limits.keyCharsMax);
}

function assertManages(parts: ServiceParts, caller: Address): void {
  const { address } = parts.calls.identity;
  if (isAllowed(caller, address, "manage")) return;
  const detail = `only an operator retries a single step: ${caller} may not manage ${address}`;
  throw new MeshError("NOT_ALLOWED", { subject: caller, detail });
}

async function signal(parts: ServiceParts, asked: SignalChainRequest, source: string) {
  const { name, chain } = asked;
  if (name === "" || name.length > limits.keyCharsMax) {
    const detail = `a signal's name has 1 to ${limits.keyCharsMax} characters`;
    throw new MeshError("INPUT_INVALID", { subject: "name", detail });
  }
  const payload = parseJsonField("payload", asked.payload, limits.signalBytesMax) ?? null;
  const only = chain === "" ? {} : { chain };
  const answer = await whileKept(parts, payload, () =>
    parts.driver.request((request) => ({
      type: "signalled",
      request,
      name,
      payload,
      source,
      ...only,
    })),
  );
  if (answer.kind !== "signalled") return await refuse(parts, chain === "" ? name : chain, answer);
  const { opened, retained, detail } = answer;
  return { opened, retained, detail };
}

async function command(
  parts: ServiceParts,
  chain: string,
  make: Parameters<ServiceParts["driver"]["request"]>[0],
): Promise<void> {
  const answer = await parts.driver.request(make);
  if (answer.kind !== "done") await refuse(parts, chain, answer);
}

async function refuse(
  parts: ServiceParts,
  chain: string,
  answer: Parameters<typeof refusalOf>[0],
): Promise<never> {
  // The kernel forgets ended chains; the store still tells them from unknown ones.
  if (answer.kind === "refused" && answer.code === "CHAIN_UNKNOWN") {
    const row = await existing(parts, chain);
    throw new MeshError("CHAIN_ENDED", {
      subject: chain,
      detail: `chain ${chain} has ended: ${row.state}`,
    });
  }
  throw refusalOf(answer, chain);
}
