// Instruction view: what the local API shows of an instruction, and pages of them.

import { compareText, MeshError } from "@cloudbrain/sdk/domain";
import { driverLimits } from "../drivers/driver-limits.ts";
import type { Located } from "./agent-api.ts";

export function viewOf({ instruction, node, driver }: Located): object {
  const { id, chainId, stepId, attempt, capability, input, deadline, heartbeatMs } = instruction;
  const { isDeferred, holder, outcome } = instruction;
  const inbox = driver?.inbox;
  return {
    id,
    agent: node.address,
    chain: chainId,
    step: stepId,
    attempt,
    capability,
    driver: driver?.kind ?? "module",
    state: outcome !== "" ? "ended" : isDeferred ? "deferred" : "running",
    input,
    ...(deadline === undefined ? {} : { deadline: deadline.toISOString() }),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
    ...(holder === "" ? {} : { holder }),
    ...(outcome === "" ? {} : { outcome }),
    ...(inbox === undefined ? {} : { title: inbox.title }),
    ...(inbox?.form === undefined ? {} : { form: inbox.form }),
  };
}

const knownQueries: ReadonlySet<string> = new Set([
  "agent",
  "capability",
  "state",
  "limit",
  "after",
]);

/** Refuses with INPUT_INVALID what the document does not know. */
export function pageOf(
  open: readonly Located[],
  query: Readonly<Record<string, string>>,
): { readonly instructions: readonly object[]; readonly next?: string } {
  for (const name of Object.keys(query)) {
    if (!knownQueries.has(name)) throw badQuery(name, "there is no such parameter");
  }
  const { agent, capability, state, after = "" } = query;
  if (state !== undefined && state !== "running" && state !== "deferred") {
    throw badQuery("state", "it is running or deferred");
  }
  const limit = readLimit(query["limit"]);
  const wanted = open
    .filter(({ node }) => agent === undefined || node.address === agent)
    .filter(({ instruction }) => capability === undefined || instruction.capability === capability)
    .filter(
      ({ instruction }) => state === undefined || instruction.isDeferred === (state === "deferred"),
    )
    .filter(({ instruction }) => compareText(instruction.id, after) > 0)
    .sort((a, b) => compareText(a.instruction.id, b.instruction.id));
  const page = wanted.slice(0, limit);
  const last = page.at(-1);
  const instructions = page.map(viewOf);
  if (wanted.length <= limit || last === undefined) return { instructions };
  return { instructions, next: last.instruction.id };
}

function readLimit(text: string | undefined): number {
  const { pageDefault, pageMax } = driverLimits;
  if (text === undefined) return pageDefault;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= pageMax) return limit;
  throw badQuery("limit", `it is a whole number from 1 to ${pageMax}`);
}

function badQuery(subject: string, detail: string): MeshError {
  return new MeshError("INPUT_INVALID", { subject, detail: `${subject}: ${detail}` });
}
