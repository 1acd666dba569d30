// Handler module: the driver for business systems that speak JavaScript. An ES module exports
// `handlers`, which maps the name of a capability to an async function of input and context.

import { pathToFileURL } from "node:url";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { AnyHandler } from "@cloudbrain/sdk/node";
import type { Say } from "../cli/texts.ts";

export type Handlers = ReadonlyMap<string, AnyHandler>;

/** Refuses with CONFIG_INVALID; `place` is where the configuration names the file. */
export async function loadHandlers(file: string, place: string, say: Say): Promise<Handlers> {
  const refuse = (why: string, cause?: unknown): never => {
    const detail = `${place}: handlers: ${file}: ${why}`;
    throw new MeshError("CONFIG_INVALID", { subject: file, detail, cause });
  };
  let exported: unknown;
  try {
    const module = (await import(pathToFileURL(file).href)) as { readonly handlers?: unknown };
    exported = module.handlers;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return refuse(say("agent.handlers.load", { why }), cause);
  }
  if (typeof exported !== "object" || exported === null) {
    return refuse(say("agent.handlers.none"));
  }
  const handlers = new Map<string, AnyHandler>();
  for (const [name, handler] of Object.entries(exported)) {
    if (!isHandler(handler)) return refuse(say("agent.handlers.kind", { name }));
    handlers.set(name, handler);
  }
  return handlers.size > 0 ? handlers : refuse(say("agent.handlers.empty"));
}

function isHandler(value: unknown): value is AnyHandler {
  return typeof value === "function";
}
