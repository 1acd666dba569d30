// hub run: a hub as a process. Logs are JSON lines on stderr.
//
//   Q1  SIGTERM and SIGINT drain: no new chains, links end with a goodbye, the store is closed. A
//       second signal ends the process at once.
//   Q2  What must not go on does not: a failed sync or an old copy ends the process with code 1.

import { once } from "node:events";
import { exitCodes } from "@cloudbrain/sdk/cli";
import { createWorkingCalendars } from "@cloudbrain/sdk/definition";
import { formatDay, type MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { type Logger, pino } from "pino";
import { type Hub, openHub } from "../hub.ts";
import type { HubConfig } from "./hub-config.ts";

export function createLog(level: string): Logger {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}

export async function startHub(
  config: HubConfig,
  logger: Logger,
  fatal: (error: MeshError) => void,
): Promise<Hub> {
  return await openHub({
    description: {
      address: parseAddress(config.address),
      kind: config.nodeKind,
      level: config.level ?? "",
      division: config.division ?? "",
      industry: config.industry ?? "",
      region: config.region ?? "",
      title: config.title,
      capabilities: [...config.capabilities].sort(),
      hub: true,
      version: "0.1.0",
    },
    dataDirectory: config.dataDir,
    credentials: readCredentials(config.identityDir),
    listen: config.listen,
    parent: config.parent,
    heartbeatMs: config.heartbeatMs,
    leaseMs: config.leaseMs,
    calendars: config.calendars,
    blobQuotaBytes: config.blobQuotaBytes,
    log: (event, fields) => logger.info(fields, event),
    fatal,
  });
}

/** Runs until a signal; answers the exit code. */
export async function runHub(config: HubConfig, onReady: (hub: Hub) => void): Promise<number> {
  const logger = createLog(config.log);
  process.on("uncaughtException", (error) => {
    // Never go on after a defect: the supervisor starts us again from what is durable.
    logger.fatal({ error: error.stack }, "defect");
    process.exit(exitCodes.failed);
  });
  const hub = await startHub(config, logger, (error) => {
    logger.fatal({ code: error.code, subject: error.subject }, error.message);
    process.exit(exitCodes.failed);
  });
  logger.info({ calendars: describeCalendars(config) }, "calendars");
  onReady(hub);
  const signal = await firstSignal();
  const code = signal === "SIGINT" ? exitCodes.interrupted : exitCodes.done;
  logger.info({ signal }, "draining");
  const patience = setTimeout(() => process.exit(exitCodes.failed), config.drainTimeoutMs);
  patience.unref();
  await hub.drain();
  await hub.close();
  clearTimeout(patience);
  return code;
}

/** By name until when the arrangement of each calendar is known; null where it has no end. */
export function describeCalendars(config: HubConfig): Readonly<Record<string, string | null>> {
  const calendars = createWorkingCalendars(config.calendars);
  const entries = calendars.names.map((name) => {
    const knownUntil = calendars.find(name)?.calendar.knownUntil;
    return [name, knownUntil === undefined ? null : formatDay(knownUntil)];
  });
  return Object.fromEntries(entries);
}

async function firstSignal(): Promise<"SIGINT" | "SIGTERM"> {
  const signal = await Promise.race([
    once(process, "SIGINT").then(() => "SIGINT" as const),
    once(process, "SIGTERM").then(() => "SIGTERM" as const),
  ]);
  process.once("SIGINT", () => process.exit(exitCodes.interrupted));
  process.once("SIGTERM", () => process.exit(exitCodes.terminated));
  return signal;
}
