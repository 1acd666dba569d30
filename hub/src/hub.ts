// Hub: the composition root. Kernel, journal, links and services of one hub meet here and nowhere
// else. A process may run several hubs, each with its own identity, store and port.

import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import {
  type Address,
  type MeshError,
  type NodeDescription,
  parentOf,
} from "@cloudbrain/sdk/domain";
import type { Credentials } from "@cloudbrain/sdk/identity";
import { type NodeJournalOptions, openNodeJournal } from "@cloudbrain/sdk/journal";
import { createLinkDialer, openLinkServer } from "@cloudbrain/sdk/link";
import type { Server } from "@grpc/grpc-js";
import { OpenCalls } from "./api/calls.ts";
import { ChainWatch } from "./api/chain-watch.ts";
import { addServices } from "./api/services.ts";
import { HubDriver } from "./driver.ts";
import { audit, type HubEvent, HubKernel, type HubOutput, liveTables } from "./kernel/index.ts";
import { HubLinks } from "./links/hub-links.ts";
import { History } from "./storage/history.ts";

export interface HubOptions {
  readonly description: NodeDescription;
  readonly dataDirectory: string;
  readonly credentials: Credentials;
  readonly listen: { readonly host: string; readonly port: number };
  /** host:port of the hub above; absent at the root. */
  readonly parent?: string | undefined;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly log: (event: string, fields: Record<string, unknown>) => void;
  /** The hub must not go on: the process ends after this. */
  readonly fatal: (error: MeshError) => void;
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
  const parentAddress = parentOf(self);
  const kernel = new HubKernel({
    address: self,
    hasParent: options.parent !== undefined,
    evaluate: createEvaluate(),
    validate: createValidate(),
  });
  const watch = new ChainWatch();
  const opened = await openDurable(options, kernel, watch);
  const { driver, links, store } = opened;
  const history = new History(store, kernel);
  const calls = { identity: credentials.identity, open: new OpenCalls(), log };
  const timing = { heartbeatMs: options.heartbeatMs, leaseMs: options.leaseMs };
  const server = await openLinkServer({
    credentials,
    listen: options.listen,
    self,
    host: links,
    timing,
    extraServices: (grpcServer: Server) =>
      addServices(grpcServer, {
        driver,
        kernel,
        history,
        watch,
        links,
        description,
        journal: opened.journal,
        startedAtMs: Date.now(),
        calls,
      }),
  });
  let dials = 0;
  const dialer =
    options.parent === undefined || parentAddress === undefined
      ? undefined
      : createLinkDialer({
          target: options.parent,
          credentials,
          expected: parentAddress,
          self,
          hello: () => {
            dials += 1;
            return links.hello(kernel, opened.epoch, dials, parentAddress);
          },
          host: links,
          timing,
          dice: Math.random,
        });
  dialer?.start();
  const auditor = setInterval(() => {
    for (const violation of audit(kernel.state)) log("invariant broken", { ...violation });
  }, auditEveryMs);
  auditor.unref();
  log("hub ready", { address: self, port: server.port, epoch: opened.epoch });

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    clearInterval(auditor);
    await dialer?.stop({ code: "DRAINING", detail: "the hub stops", retryAfterMs: 500 });
    links.closeAll("the hub stops");
    calls.open.endAll();
    await server.close({ graceMs: 2_000 });
    driver.stop();
    await opened.close();
  };
  return {
    address: self,
    port: server.port,
    drain: async () => {
      await driver.request((request) => ({ type: "drain", request }));
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function openDurable(options: HubOptions, kernel: HubKernel, watch: ChainWatch) {
  let driver: HubDriver | undefined;
  const opened = await openNodeJournal<HubEvent, HubOutput>({
    directory: options.dataDirectory,
    identity: options.description.address,
    kernel,
    started: (epoch) => ({ type: "started", epoch }),
    liveTables,
    release: (outputs) => driver?.release(outputs),
    flushed: (marks) => driver?.flushed(marks),
    failed: (error) => driver?.failed(error),
    ...(options.openStore === undefined ? {} : { openStore: options.openStore }),
  });
  const links = new HubLinks({
    description: options.description,
    storeId: opened.meta.storeId,
    heartbeatMs: options.heartbeatMs,
    log: options.log,
  });
  driver = new HubDriver({
    kernel,
    links,
    chainChanged: (chain, revision) => watch.changed(chain, revision),
    signalPublished: ({ id, name }) => options.log("signal published", { id, name }),
    fatal: options.fatal,
  });
  links.bind(driver);
  driver.bind(opened.journal);
  return { ...opened, driver, links, epoch: opened.meta.epoch };
}
