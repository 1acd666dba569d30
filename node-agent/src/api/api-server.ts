// API server: the local API on a port of loopback or on a Unix socket.

import { once } from "node:events";
import { chmodSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { MeshError } from "@cloudbrain/sdk/domain";
import { createAdaptorServer } from "@hono/node-server";
import { type AgentApiOptions, createAgentApi } from "./agent-api.ts";

export interface ApiServerOptions extends AgentApiOptions {
  /** host:port, or unix:PATH. */
  readonly listen: string;
  readonly listenPlace: string;
}

export interface ApiServer {
  close(): Promise<void>;
}

/** Owner and group: whoever may read the token may as well be let in. */
const socketMode = 0o660;

/** Refuses with CONFIG_INVALID when the place is taken. */
export async function openAgentApi(options: ApiServerOptions): Promise<ApiServer> {
  const { listen, listenPlace } = options;
  const server = createAdaptorServer({ fetch: createAgentApi(options).fetch }) as Server;
  try {
    await listenOn(server, listen);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const detail = `${listenPlace}: api.listen: ${why}`;
    throw new MeshError("CONFIG_INVALID", { subject: listen, detail, cause });
  }
  return {
    close: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listenOn(server: Server, listen: string): Promise<void> {
  if (listen.startsWith("unix:")) {
    const path = listen.slice("unix:".length);
    await removeStale(path);
    server.listen(path);
    await once(server, "listening");
    chmodSync(path, socketMode);
    return;
  }
  const cut = listen.lastIndexOf(":");
  const host = listen.slice(0, cut).replace(/^\[|\]$/g, "");
  server.listen(Number(listen.slice(cut + 1)), host);
  await once(server, "listening");
}

/** A socket that a killed process has left behind; one that somebody listens on is kept. */
async function removeStale(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (!isServed) rmSync(path);
}
