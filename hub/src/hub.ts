// Hub: the composition root. Kernel, journal, links and services of one hub meet here and nowhere
// else. A process may run several hubs, each with its own identity, store and port.

import {
  type CalendarConfig,
  createEvaluate,
  createValidate,
  createWorkingCalendars,
} from "@cloudbrain/sdk/definition";
import {
  type Address,
  type MeshError,
  type NodeDescription,
  parentOf,
} from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";
import {
  type Clock,
  type NodeJournalOptions,
  openNodeJournal,
  systemClock,
} from "@cloudbrain/sdk/journal";
import {
  type ClosedReason,
  createLinkDialer,
  type LinkDialer,
  openLinkServer,
} from "@cloudbrain/sdk/link";
import { amnesiaToldTo } from "@cloudbrain/sdk/session";
import type { Server } from "@grpc/grpc-js";
import { type CallHost, OpenCalls } from "./api/calls.ts";
import { ChainWatch } from "./api/chain-watch.ts";
import { HubHealth } from "./api/hub-health.ts";
import { addServices } from "./api/services.ts";
import { TaskWatch } from "./api/task-watch.ts";
import { HubBlobs } from "./blobs/hub-blobs.ts";
import { HubCatalog } from "./catalog/hub-catalog.ts";
import { HubDriver } from "./driver.ts";
import { audit, type HubEvent, HubKernel, type HubOutput, liveTables } from "./kernel/index.ts";
import { HubLinks } from "./links/hub-links.ts";
import { History } from "./storage/history.ts";
import { PasswordProcess } from "./users/password-process.ts";
import { createTokenCheck } from "./users/sign-in-token.ts";

export interface HubOptions {
  readonly description: NodeDescription;
  readonly dataDirectory: string;
  readonly credentials: Credentials;
  readonly listen: { readonly host: string; readonly port: number };
  /** host:port of the hub above; absent at the root. */
  readonly parent?: string | undefined;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** Working calendars beside those that are built in. */
  readonly calendars?: readonly CalendarConfig[] | undefined;
  /** Room for attachments; 10 GiB by default. */
  readonly blobQuotaBytes?: number | undefined;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  /** The hub must not go on: the process ends after this. */
  readonly fatal: (error: MeshError) => void;
  /** Default: the machine's; for tests of what takes days. */
  readonly clock?: Clock | undefined;
  /** Cost of a password's hash, as its logarithm; for tests that sign in often. */
  readonly passwordLogN?: number | undefined;
  /** For tests of failing stores. */
  readonly openStore?: NodeJournalOptions<HubEvent, HubOutput>["openStore"];
}

export interface Hub {
  readonly address: Address;
  readonly port: number;
  /** Stops taking new chains; what runs goes on. */
  drain(): Promise<void>;
  /** Closes links, checkpoints and closes the store. Safe to call twice. */
  close(): Promise<void>;
}

/** How often the auditor looks at the whole state. */
const auditEveryMs = 60_000;

export async function openHub(options: HubOptions): Promise<Hub> {
  const { description, credentials, log } = options;
  const self = description.address;
  const calendars = createWorkingCalendars(options.calendars);
  const validate = createValidate();
  const kernel = new HubKernel({
    address: self,
    description,
    hasParent: options.parent !== undefined,
    evaluate: createEvaluate(),
    validate,
    addWorkingTime: calendars.addWorkingTime,
  });
  const watches = { chains: new ChainWatch(), tasks: new TaskWatch() };
  const health = new HubHealth();
  const opened = await openDurable(options, kernel, watches, health);
  const { driver, links, store, blobs, catalog } = opened;
  const passwords = new PasswordProcess(options.passwordLogN);
  const calls = createCallHost(options, kernel, opened);
  const drain = async (): Promise<void> => {
    health.stop();
    await driver.request((request) => ({ type: "drain", request }));
  };
  const server = await openLinkServer({
    credentials,
    listen: options.listen,
    self,
    host: links,
    timing: timingOf(options),
    extraServices: (grpcServer: Server) =>
      addServices(grpcServer, {
        driver,
        kernel,
        history: new History(store, kernel),
        watch: watches.chains,
        taskWatch: watches.tasks,
        health,
        drain,
        links,
        description,
        journal: opened.journal,
        startedAtMs: performance.now(),
        calls,
        passwords,
        calendars: calendars.names,
        validate,
        blobs,
        catalog,
      }),
  });
  const dialer = createParentDialer(options, kernel, links, opened.epoch);
  dialer?.start();
  const auditor = startAuditor(kernel, log);
  health.serve();
  log("hub ready", { address: self, port: server.port, epoch: opened.epoch });

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    clearInterval(auditor);
    health.close();
    blobs.close();
    await dialer?.stop({ code: "DRAINING", detail: "the hub stops", retryAfterMs: 500 });
    links.closeAll("the hub stops");
    await calls.open.endAll();
    await server.close({ graceMs: 2_000 });
    await passwords.close();
    driver.stop();
    await opened.close();
  };
  return {
    address: self,
    port: server.port,
    drain,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function timingOf({ heartbeatMs, leaseMs }: HubOptions) {
  return { heartbeatMs, leaseMs };
}

/** Undefined at the root. */
function createParentDialer(
  options: HubOptions,
  kernel: HubKernel,
  links: HubLinks,
  epoch: number,
): LinkDialer | undefined {
  const self = options.description.address;
  const expected = parentOf(self);
  if (options.parent === undefined || expected === undefined) return undefined;
  let dials = 0;
  return createLinkDialer({
    target: options.parent,
    credentials: options.credentials,
    expected,
    self,
    hello: () => {
      dials += 1;
      return links.hello(kernel, epoch, dials, expected);
    },
    host: links,
    timing: timingOf(options),
    dice: Math.random,
    onLost: (reason) => parentLost(options, expected, reason),
  });
}

/** An attempt at the link to the parent has failed, or the link has ended. */
function parentLost(options: HubOptions, parent: Address, reason: ClosedReason): void {
  options.log("no link to the parent", { parent, ...reason });
  const amnesia = amnesiaToldTo(options.description.address, reason);
  if (amnesia !== undefined) options.fatal(amnesia);
}

function startAuditor(kernel: HubKernel, log: HubOptions["log"]): NodeJS.Timeout {
  const lookAround = (): void => {
    for (const violation of audit(kernel.state)) log("invariant broken", { ...violation });
  };
  return setInterval(lookAround, auditEveryMs).unref();
}

type Durable = Awaited<ReturnType<typeof openDurable>>;

function createCallHost(options: HubOptions, kernel: HubKernel, opened: Durable): CallHost {
  const { journal, driver } = opened;
  const signedIn = createTokenCheck({
    kernel,
    now: () => journal.now(),
    used: (token) => driver.submit({ type: "tokenUsed", token }),
  });
  return {
    identity: options.credentials.identity,
    open: new OpenCalls(),
    signedIn,
    log: options.log,
  };
}

async function openDurable(
  options: HubOptions,
  kernel: HubKernel,
  watches: { readonly chains: ChainWatch; readonly tasks: TaskWatch },
  health: HubHealth,
) {
  const { clock = systemClock } = options;
  let driver: HubDriver | undefined;
  const opened = await openNodeJournal<HubEvent, HubOutput>({
    directory: options.dataDirectory,
    identity: options.description.address,
    kernel,
    started: (epoch) => ({ type: "started", epoch }),
    clock,
    liveTables,
    release: (outputs) => driver?.release(outputs),
    flushed: (marks) => driver?.flushed(marks),
    failed: (error) => driver?.failed(error),
    ...(options.openStore === undefined ? {} : { openStore: options.openStore }),
  });
  const blobs = new HubBlobs(options, () => opened.journal.now());
  const failed = (error: MeshError): void => {
    health.stop();
    options.fatal(error);
  };
  const catalog = await openCatalogOf(options, failed).catch(async (error: unknown) => {
    await opened.close();
    throw error;
  });
  const links = new HubLinks({
    description: options.description,
    storeId: opened.meta.storeId,
    heartbeatMs: options.heartbeatMs,
    log: options.log,
    mentioned: (text) => blobs.mentioned(text),
    parentLinked: () => blobs.linked(),
    catalogs: catalog,
  });
  driver = new HubDriver({
    self: options.description.address,
    clock,
    kernel,
    links,
    chainChanged: (chain, revision) => watches.chains.changed(chain, revision),
    taskChanged: (task) => watches.tasks.changed(task),
    signalPublished: ({ id, name }) => options.log("signal published", { id, name }),
    fatal: failed,
  });
  links.bind(driver);
  driver.bind(opened.journal);
  const close = async (): Promise<void> => {
    await catalog.close();
    await opened.close();
  };
  return { ...opened, close, driver, links, blobs, catalog, epoch: opened.meta.epoch };
}

function openCatalogOf(
  options: HubOptions,
  failed: (error: MeshError) => void,
): Promise<HubCatalog> {
  const { description, dataDirectory, log, clock = systemClock } = options;
  const now = (): number => clock.now();
  return HubCatalog.open({ description, dataDirectory, now, log, failed });
}
