// agent.yaml: one or several agents of a process, and the module that answers for them.

import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { loadConfig } from "@cloudbrain/sdk/cli";
import { levels, MeshError, nodeKinds } from "@cloudbrain/sdk/domain";
import type { AnyHandler } from "@cloudbrain/sdk/node";
import { z } from "zod";

const agentSchema = z.strictObject({
  address: z.string().regex(/^(\/[0-9a-z-]{1,63})+$/, "write an address such as /3702/s-desk"),
  title: z.strictObject({ zh: z.string().min(1), en: z.string().optional() }),
  nodeKind: z.enum(nodeKinds).default("system"),
  level: z.enum(levels).optional(),
  division: z
    .string()
    .regex(/^\d{12}$/, "write the 12 digits of the division code")
    .optional(),
  industry: z.string().optional(),
  region: z.string().optional(),
  identity: z.string(),
  data: z.string(),
});

const schema = z.strictObject({
  apiVersion: z.literal("cloudbrain/v1"),
  kind: z.literal("Agent"),
  /** host:port of the hub above. */
  hub: z.string().regex(/^[^\s:]+:\d{1,5}$/, "write host:port"),
  /** ES module that exports `handlers`: an object of async functions by capability. */
  handlers: z.string(),
  concurrency: z.int().min(1).max(10_000).default(64),
  drainTimeoutMs: z.int().min(0).max(600_000).default(30_000),
  agents: z.array(agentSchema).min(1),
});

export type AgentConfig = z.infer<typeof schema>;

/** Paths in the file are relative to the file. */
export function loadAgentConfig(
  file: string,
  flags: Readonly<Record<string, unknown>> = {},
): AgentConfig {
  const { value } = loadConfig({ schema, file, env: process.env, flags });
  const base = dirname(resolve(file));
  return {
    ...value,
    handlers: resolve(base, value.handlers),
    agents: value.agents.map((agent) => ({
      ...agent,
      identity: resolve(base, agent.identity),
      data: resolve(base, agent.data),
    })),
  };
}

/** Loads the module driver; refuses with CONFIG_INVALID when it exports no functions. */
export async function loadHandlers(file: string): Promise<ReadonlyMap<string, AnyHandler>> {
  let loaded: { readonly handlers?: unknown };
  try {
    loaded = (await import(pathToFileURL(file).href)) as { readonly handlers?: unknown };
  } catch (cause) {
    const detail = `it can't be loaded: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new MeshError("CONFIG_INVALID", { subject: file, detail, cause });
  }
  const { handlers } = loaded;
  if (typeof handlers !== "object" || handlers === null) {
    throw new MeshError("CONFIG_INVALID", {
      subject: file,
      detail: "it must export `handlers`, an object of functions by capability",
    });
  }
  const found = new Map<string, AnyHandler>();
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== "function") {
      throw new MeshError("CONFIG_INVALID", {
        subject: `${file}: handlers["${name}"]`,
        detail: "it is not a function",
      });
    }
    found.set(name, (input, context) => (handler as AnyHandler)(input, context));
  }
  return found;
}
