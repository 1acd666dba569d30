// Node: what a vendor embeds to join its system to the mesh.
//
//   V1  Nothing connects before `start`; `start` resolves when the hub has taken the link.
//   V2  What was received survives a crash: it is run again at the next start with the same
//       idempotency key, and its outcome counts once at the hub.
//   V3  A node whose store fails ends at once: nothing more leaves it.
//   V4  Work that a handler has put off is open until it is answered, however often we start.

import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { ResourceDescription } from "../catalog/index.ts";
import {
  type Address,
  type Hello,
  isMeshError,
  limits,
  MeshError,
  type NodeDescription,
  parentOf,
  parseAddress,
} from "../domain/index.ts";
import {
  Alarm,
  type Clock,
  type NodeJournal,
  openNodeJournal,
  systemClock,
} from "../journal/index.ts";
import { type AgentEvent, AgentKernel, type AgentOutput, liveTables } from "../kernel/index.ts";
import {
  type ClosedReason,
  createLinkDialer,
  type Link,
  type LinkDialer,
  type LinkHost,
  protocolVersion,
} from "../link/index.ts";
import { amnesiaError, amnesiaToldTo } from "../session/index.ts";
import { openLevelStore } from "../store/index.ts";
import type { CapabilityContract, InstructionContract } from "./contract.ts";
import { DeferredWork } from "./deferred-work.ts";
import { type Duration, parseDurationMs } from "./duration.ts";
import type { AnyHandler, Handler } from "./execution.ts";
import { ExecutionQueue } from "./execution-queue.ts";
import { NodeCatalog } from "./node-catalog.ts";
import { describeNode, type NodeOptions, type NodeSettings, readSettings } from "./node-options.ts";
import { keepParts } from "./node-parts.ts";
import type { HandlerOptions, Node, NodeConnection, StateListener } from "./node-surface.ts";

const concurrencyDefault = 64;
const drainMsDefault = 30_000;
/** A process may hold thousands of nodes; each has little to cache. */
const storeBytes = { cacheBytes: 512 * 1024, writeBufferBytes: 1024 * 1024 };

/** Throws ADDRESS_INVALID or CONFIG_INVALID; does nothing else before `start`. */
export function createNode(options: NodeOptions): Node {
  return new MeshNode(options);
}

type AnyContract =
  | string
  | InstructionContract<StandardSchemaV1, StandardSchemaV1>
  | CapabilityContract<StandardSchemaV1, StandardSchemaV1>;

class MeshNode implements Node, LinkHost {
  readonly address: Address;
  private readonly parent: Address;
  private readonly options: NodeOptions;
  private readonly handlers = new Map<string, Handler>();
  private readonly queue: ExecutionQueue;
  readonly deferred: DeferredWork;
  private readonly catalog: NodeCatalog;
  /** Of both ends of the link. */
  private features: readonly string[] = [];
  private readonly listeners = new Set<StateListener>();
  private connection: NodeConnection = "new";
  private settings: NodeSettings | undefined;
  private kernel: AgentKernel | undefined;
  private opened: NodeJournal<AgentEvent, AgentOutput> | undefined;
  private dialer: LinkDialer | undefined;
  private link: Link | undefined;
  private dials = 0;
  private lastLoss = "";
  private readonly clock: Clock;
  private readonly alarm: Alarm;
  /** Settles the promise of `start`. */
  private starting: { resolve: () => void; reject: (error: MeshError) => void } | undefined;
  private stopping: Promise<void> | undefined;
  private whenDrained: (() => void) | undefined;

  constructor(options: NodeOptions) {
    const { concurrency = concurrencyDefault, clock = systemClock } = options;
    this.options = options;
    this.clock = clock;
    this.alarm = new Alarm(clock, () => this.submit({ type: "tick" }));
    this.address = parseAddress(options.address);
    const parent = parentOf(this.address);
    if (parent === undefined) {
      const detail = "the root of a mesh is a hub; a node stands below one";
      throw new MeshError("ADDRESS_INVALID", { subject: this.address, detail });
    }
    this.parent = parent;
    if (!(Number.isInteger(concurrency) && concurrency > 0)) {
      const detail = `${concurrency} is no count of handlers`;
      throw new MeshError("CONFIG_INVALID", { subject: "concurrency", detail });
    }
    const complain = (event: string, fields: Record<string, unknown>): void =>
      this.complain(event, fields);
    keepParts(this, { options, handlers: this.handlers, concurrency, complain });
    this.queue = new ExecutionQueue({
      handlers: this.handlers,
      concurrency,
      submit: (event) => this.submit(event),
      log: complain,
      failed: (error) => this.fatal(error),
      ended: () => this.reviewDrain(),
    });
    this.catalog = new NodeCatalog({
      now: () => clock.now(),
      log: complain,
      failed: (error) => this.fatal(error),
    });
    this.deferred = new DeferredWork({
      handlers: this.handlers,
      kernel: () => (this.opened === undefined ? undefined : this.kernel),
      submit: (event) => this.submit(event),
      whenDurable: (callback) => this.opened?.journal.whenDurable(callback),
      log: (event, fields) => this.complain(event, fields),
    });
  }

  get state(): NodeConnection {
    return this.connection;
  }

  onState(listener: StateListener): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  private enter(state: NodeConnection, reason: string): void {
    if (this.connection === state || this.connection === "stopped") return;
    this.connection = state;
    for (const listener of [...this.listeners]) {
      try {
        listener(state, reason);
      } catch (error) {
        this.complain("a listener failed", { error });
      }
    }
  }

  handle(contract: AnyContract, run: AnyHandler, options: HandlerOptions = {}): Node {
    const name = typeof contract === "string" ? contract : contract.name;
    const refuse = (detail: string): MeshError =>
      new MeshError("CONFIG_INVALID", { subject: name, detail });
    if (this.connection !== "new") throw refuse("register handlers before start()");
    if (name === "") throw refuse("a handler has a name");
    if (this.handlers.has(name)) throw refuse("it has a handler already");
    if (this.handlers.size >= limits.capabilitiesMax) {
      throw refuse(`a node has at most ${limits.capabilitiesMax} capabilities`);
    }
    const { concurrency } = options;
    if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency > 0)) {
      throw refuse(`${concurrency} is no count of handlers`);
    }
    this.handlers.set(name, { run, ...schemasOf(contract), ...options });
    return this;
  }

  provide(contract: AnyContract, run: AnyHandler, options: HandlerOptions = {}): Node {
    return this.handle(contract, run, options);
  }

  publishes(...resources: readonly ResourceDescription[]): Node {
    if (this.connection !== "new") {
      const detail = "declare resources before start()";
      throw new MeshError("CONFIG_INVALID", { subject: this.address, detail });
    }
    this.catalog.declare(this.address, resources);
    return this;
  }

  async start(options: { signal?: AbortSignal; timeout?: Duration } = {}): Promise<void> {
    if (this.connection !== "new") {
      const detail = `start() belongs to a new node; this one is ${this.connection}`;
      throw new MeshError("CONFIG_INVALID", { subject: this.address, detail });
    }
    const { timeout } = options;
    const timeoutMs = timeout === undefined ? undefined : parseDurationMs(timeout, "timeout");
    const settings = readSettings(this.options, this.address);
    this.settings = settings;
    this.enter("connecting", "");
    try {
      await this.open(settings);
    } catch (error) {
      // Another process may hold the store: the caller can try again.
      this.enter("new", "the store could not be opened");
      throw error;
    }
    if (this.state !== "connecting") {
      await this.end();
      throw this.cancelledStart("the node was stopped while it started");
    }
    const online = new Promise<void>((resolve, reject) => {
      this.starting = { resolve, reject };
    });
    const disarm = this.armStart(options.signal, timeoutMs);
    this.dial(settings);
    try {
      await online;
    } finally {
      disarm();
    }
  }

  /** Gives `start` up on the signal and after the timeout; returns what ends both. */
  private armStart(signal: AbortSignal | undefined, timeoutMs: number | undefined): () => void {
    const giveUp = (code: "UNREACHABLE" | "CANCELLED", detail: string): void => {
      const { starting } = this;
      this.starting = undefined;
      const error = new MeshError(code, { subject: this.address, detail });
      const reject = (): void => starting?.reject(error);
      this.stop({ drain: 0 }).then(reject, reject);
    };
    const aborted = (): void => giveUp("CANCELLED", "start() was cancelled");
    if (signal?.aborted === true) aborted();
    signal?.addEventListener("abort", aborted, { once: true });
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            const why = this.lastLoss === "" ? "" : `; last: ${this.lastLoss}`;
            giveUp("UNREACHABLE", `${this.settings?.hub} has not taken the link in time${why}`);
          }, timeoutMs);
    return () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
    };
  }

  private async open(settings: NodeSettings): Promise<void> {
    const kernel = new AgentKernel({
      address: this.address,
      parent: this.parent,
      capabilities: new Set(this.handlers.keys()),
      withdrawable: new Set(
        [...this.handlers].flatMap(([name, { withdrawn }]) => (withdrawn ? [name] : [])),
      ),
    });
    this.kernel = kernel;
    // Runs of the last life leave while the journal is being opened; their outcomes need it.
    const early: AgentOutput[] = [];
    const opened = await openNodeJournal<AgentEvent, AgentOutput>({
      directory: settings.dataDir,
      identity: this.address,
      kernel,
      started: (epoch) => ({ type: "started", epoch }),
      clock: this.clock,
      liveTables,
      release: (outputs) => {
        if (this.opened === undefined) early.push(...outputs);
        else this.release(outputs);
      },
      flushed: () => this.link?.pump(),
      failed: (error) => this.fatal(error),
      openStore: (store) => openLevelStore({ ...store, ...storeBytes }),
    });
    if (opened.isAnchorWorn) this.complain("the anchor beside the store is worn", {});
    this.opened = opened;
    this.release(early);
    this.setAlarm();
    await this.catalog.open(settings.dataDir, this.describe());
  }

  private dial(settings: NodeSettings): void {
    // The signal may have been aborted before we began.
    if (this.connection !== "connecting") return;
    this.dialer = createLinkDialer({
      target: settings.hub,
      credentials: settings.credentials,
      expected: this.parent,
      self: this.address,
      hello: () => this.hello(settings),
      host: this,
      timing: settings.timing,
      dice: Math.random,
      onLost: (reason) => this.lost(reason),
    });
    this.dialer.start();
  }

  private hello(settings: NodeSettings): Hello {
    this.dials += 1;
    const { opened, kernel } = this;
    const session = kernel?.state.session;
    return {
      protocolMin: protocolVersion,
      protocolMax: protocolVersion,
      features: this.catalog.features,
      description: this.describe(),
      storeId: opened?.meta.storeId ?? "",
      epoch: opened?.meta.epoch ?? 0,
      dial: this.dials,
      peerStoreId: session?.peerStoreId ?? "",
      positions: session?.positions() ?? [],
      heartbeatMs: settings.timing.heartbeatMs,
      draining: kernel?.state.draining ?? false,
    };
  }

  private describe(): NodeDescription {
    return describeNode(this.options, this.address, this.handlers.keys());
  }

  private submit(event: AgentEvent): void {
    this.opened?.journal.submit(event);
    this.setAlarm();
  }

  private setAlarm(): void {
    const { opened, kernel } = this;
    if (opened !== undefined) this.alarm.set(kernel?.wakeAtMs(), opened.journal.now());
  }

  greeted(link: Link): void {
    link.abort();
  }

  welcomed(link: Link, welcome: Parameters<LinkHost["welcomed"]>[1]): void {
    this.link = link;
    this.features = welcome.features;
    this.submit({ type: "linkWelcomed", link: link.id, welcome });
  }

  run(link: Link, run: Parameters<LinkHost["run"]>[1]): void {
    this.submit({ type: "frames", link: link.id, ...run });
  }

  acks(link: Link, acks: Parameters<LinkHost["acks"]>[1]): void {
    this.submit({ type: "acks", link: link.id, acks });
    this.reviewDrain();
  }

  refusals(_link: Link, refusals: Parameters<LinkHost["refusals"]>[1]): void {
    for (const refusal of refusals) this.complain("frame refused by hub", { ...refusal });
  }

  closed(link: Link): void {
    if (this.link !== link) return;
    this.link = undefined;
    this.catalog.unlinked();
    this.submit({ type: "linkClosed", link: link.id });
  }

  private lost(reason: ClosedReason): void {
    this.lastLoss = `${reason.code}: ${reason.detail}`;
    this.options.log?.("link lost", { ...reason });
    const amnesia = amnesiaToldTo(this.address, reason);
    if (amnesia !== undefined) this.fatal(amnesia);
    else if (this.connection === "online") this.enter("offline", this.lastLoss);
  }

  private release(outputs: readonly AgentOutput[]): void {
    for (const output of outputs) {
      switch (output.type) {
        case "run":
          this.deferred.begun(output.id);
          this.queue.run(output);
          break;
        case "withdrawn":
          this.deferred.withdraw(output);
          break;
        case "abort":
          this.queue.abort(output.id, output.reason);
          break;
        case "attached":
          this.attached(output);
          break;
        case "closeLink":
          if (this.link?.id === output.link) this.link.close(output.goodbye);
          break;
        case "refuseFrame":
          if (this.link?.id === output.link) this.link.refuse(output.refusal);
          break;
        case "amnesia":
          this.fatal(amnesiaError({ self: this.address, ...output }));
      }
    }
  }

  private attached(output: Extract<AgentOutput, { type: "attached" }>): void {
    if (this.link?.id !== output.link) return;
    this.catalog.linked(this.link, this.features);
    this.link.attach(output.session);
    if (this.connection !== "draining") this.enter("online", "");
    this.starting?.resolve();
    this.starting = undefined;
    this.reviewDrain();
  }

  async stop(options: { readonly drain?: Duration } = {}): Promise<void> {
    const drainMs = parseDurationMs(options.drain ?? drainMsDefault, "drain");
    this.stopping ??= this.stopNow(drainMs);
    await this.stopping;
  }

  private async stopNow(drainMs: number): Promise<void> {
    if (this.connection !== "new" && this.connection !== "stopped") {
      this.enter("draining", "stop() was called");
      if (drainMs > 0 && this.opened !== undefined) await this.drain(drainMs);
    }
    this.enter("stopped", "stop() was called");
    await this.end();
  }

  /** Until handlers are done and the hub has acknowledged their outcomes, or the time is up. */
  private async drain(drainMs: number): Promise<void> {
    this.submit({ type: "drain" });
    if (this.isDrained()) return;
    // The hub hears of it at the handshake only: a new link says so in one round trip.
    this.link?.close({ code: "DRAINING", detail: "it takes no new work", retryAfterMs: 0 });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      this.whenDrained = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.whenDrained = undefined;
  }

  private isDrained(): boolean {
    const state = this.kernel?.state;
    if (state === undefined) return true;
    // What is deferred waits for the next start.
    const isAtRest = this.queue.isIdle() && state.running.size === state.deferred.size;
    return isAtRest && state.session.unacknowledged() === 0;
  }

  private reviewDrain(): void {
    if (this.whenDrained !== undefined && this.isDrained()) this.whenDrained();
  }

  /** Lets go of everything: handlers, link, store. */
  private async end(): Promise<void> {
    this.queue.stop("the node stops");
    this.deferred.stop();
    this.whenDrained?.();
    this.starting?.reject(this.cancelledStart("the node stopped before it was online"));
    this.starting = undefined;
    await this.dialer?.stop({ code: "DRAINING", detail: "the node stops", retryAfterMs: 0 });
    this.alarm.stop();
    const { opened } = this;
    this.opened = undefined;
    await this.catalog.close();
    await opened?.close();
  }

  private cancelledStart(detail: string): MeshError {
    return new MeshError("CANCELLED", { subject: this.address, detail });
  }

  private complain(event: string, fields: Record<string, unknown>): void {
    if (this.options.log !== undefined) this.options.log(event, fields);
    else console.error(`${this.address}: ${event}`, fields);
  }

  /** V3. Whoever waits for `start` hears of it there, otherwise `onFatal` does. */
  private fatal(error: unknown): void {
    if (this.connection === "stopped") return;
    const known = isMeshError(error)
      ? error
      : new MeshError("STORE_FAULT", { detail: "the node can't go on", cause: error });
    this.complain("the node can't go on", { error: known.message, cause: known.cause });
    const { starting } = this;
    this.starting = undefined;
    this.enter("stopped", known.message);
    this.link?.abort();
    this.stopping ??= this.end();
    this.stopping.catch((cause: unknown) => this.complain("ending failed", { cause }));
    if (starting !== undefined) starting.reject(known);
    else if (this.options.onFatal !== undefined) this.options.onFatal(known);
    else {
      queueMicrotask(() => {
        throw known;
      });
    }
  }
}

function schemasOf(contract: AnyContract): Omit<Handler, "run"> {
  if (typeof contract === "string") return { input: undefined, output: undefined };
  const { input } = contract;
  return { input, output: contract.kind === "capability" ? contract.output : contract.feedback };
}
