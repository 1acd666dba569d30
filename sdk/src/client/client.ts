// Client: what a caller uses. One connection to a hub; every call has a deadline and a signal.
//
//   C1  `submit` with a key may be repeated after any error: the same key is the same chain.
//   C2  `watch` and `run` go on over broken connections from the last revision that was seen.
//   C3  Nothing connects before the first call; a connection that broke is made again by the next.

import {
  ApplicationServiceClient,
  BlobServiceClient,
  CatalogServiceClient,
  ChainServiceClient,
  HubServiceClient,
  RegistryServiceClient,
  TaskServiceClient,
  UserServiceClient,
} from "@cloudbrain/proto";
import { type JsonValue, limits, MeshError } from "../domain/index.ts";
import type { Credentials } from "../identity/index.ts";
import {
  type ApplicationInfo,
  type ApplicationState,
  applicationStateNumber,
  type PublishedApplication,
  type RegisteredApplicationInfo,
  readApplication,
  readPublished,
  readRegistered,
} from "./application-results.ts";
import { type BlobCalls, createBlobCalls } from "./blobs.ts";
import { type CallBounds, type CallHost, callUnary } from "./calls.ts";
import {
  type ChainControl,
  createChainControl,
  type RematchOptions,
  type RetryOptions,
  type Signalled,
  type SignalOptions,
  type SkipOptions,
} from "./chain-control.ts";
import { ChainRuns } from "./chain-runs.ts";
import { HubChannel } from "./hub-channel.ts";
import { type ChainPlanInfo, readPlan } from "./plan-results.ts";
import { createResourceCalls, type ResourceCalls } from "./resources.ts";
import {
  type ChainSnapshot,
  type ChainState,
  chainStateNumber,
  type Diagnostic,
  type HubStatus,
  isEndedState,
  type NodeInfo,
  type NodeState,
  nodeStateNumber,
  readChain,
  readDiagnostic,
  readNode,
  readStatus,
} from "./results.ts";
import type { TaskCalls } from "./task-calls.ts";
import { createTaskCalls } from "./tasks.ts";
import { HubUsers, type UserCalls } from "./users.ts";
import { isTransient, type WatchOptions, watchChain } from "./watching.ts";

export interface ClientOptions {
  /** host:port of the hub. */
  readonly hub: string;
  /** Directory of node.crt, node.key, ca.crt, or what they hold. */
  readonly identity: string | Credentials;
  /** Address that the hub's certificate must name; any node of the mesh if not given. */
  readonly expected?: string | undefined;
  /** Deadline of a call that names none; 10 s by default. */
  readonly timeoutMs?: number | undefined;
  /** Token of a user who has signed in: calls act as that user. */
  readonly token?: string | undefined;
}

export interface SubmitOptions extends CallBounds {
  /** At most 200 characters. Makes the submit safe to repeat. */
  readonly key?: string | undefined;
  /** The newest published version by default. */
  readonly version?: string | undefined;
}

export interface RunOptions extends SubmitOptions {
  /** How long the hub may be gone, once the chain is durable there; 60 s by default. */
  readonly patienceMs?: number | undefined;
  /** Called once, when the chain is durable at the hub. */
  readonly onSubmitted?: ((submitted: Submitted) => void) | undefined;
}

export interface Submitted {
  /** Id of the chain. */
  readonly chain: string;
  /** The key was known: this is the chain of an earlier submit. */
  readonly existed: boolean;
}

export interface ChainFilter {
  readonly state?: ChainState | undefined;
  /** Id of an application, without a version. */
  readonly application?: string | undefined;
}

export interface NodeFilter {
  /** city, district, street or community. */
  readonly level?: string | undefined;
  /** An address, for what is at or below it, or the beginning of a division code. */
  readonly area?: string | undefined;
  readonly state?: NodeState | undefined;
  /** Such as `item.classify/v1`. */
  readonly capability?: string | undefined;
}

export interface SourceOptions extends CallBounds {
  /** Name of the file, for messages. */
  readonly file?: string | undefined;
}

/** A text of a definition, or a published version; without a version the current one. */
export type DryRunSubject =
  | { readonly source: string; readonly file?: string | undefined }
  | { readonly id: string; readonly version?: string | undefined };

export interface DryRunOptions extends CallBounds {
  /** Nodes that each step tells of one by one; 0 by default. Over all steps at most 20,000. */
  readonly nodesMax?: number | undefined;
  /** Addresses or division codes that each step tells of in any case, at most 100. */
  readonly nodes?: readonly string[] | undefined;
}

/** All calls refuse with MeshError: UNREACHABLE, TIMEOUT, CANCELLED, NOT_ALLOWED and their own. */
export interface Client extends ChainControl {
  /**
   * Resolves when the chain is durable at the hub. APPLICATION_UNKNOWN, CHAIN_INVALID,
   * KEY_CONFLICT.
   */
  submit(application: string, input: JsonValue, options?: SubmitOptions): Promise<Submitted>;
  /**
   * Submits and follows: resolves when the chain has ended or is suspended, whatever became of it.
   * The answer to the submit has the deadline of the client; `timeoutMs` bounds the whole, which
   * may otherwise take days.
   */
  run(application: string, input: JsonValue, options?: RunOptions): Promise<ChainSnapshot>;
  /** The chain now and after changes until it has ended. States in between may be skipped. */
  watch(chain: string, options?: WatchOptions): AsyncIterable<ChainSnapshot>;
  /** CHAIN_UNKNOWN when this hub has never taken it. */
  getChain(chain: string, bounds?: CallBounds): Promise<ChainSnapshot>;
  /** Newest first; pages are fetched as the loop goes on, each within the deadline. */
  listChains(filter?: ChainFilter, bounds?: CallBounds): AsyncIterable<ChainSnapshot>;
  /** Resolves when the wish is durable; the chain ends when its nodes have stopped. CHAIN_ENDED. */
  cancelChain(chain: string, reason: string, bounds?: CallBounds): Promise<void>;
  /** Publishes a definition in YAML; for operators. APPLICATION_INVALID, APPLICATION_EXISTS. */
  publish(source: string, options?: SourceOptions): Promise<ApplicationInfo>;
  /** What the hub finds in a definition; empty when it is fit to be published. */
  lint(source: string, options?: SourceOptions): Promise<readonly Diagnostic[]>;
  /** By id and version. */
  listApplications(bounds?: CallBounds): Promise<readonly ApplicationInfo[]>;
  /** Applications of hubs above that are registered at this one. */
  listRegistered(bounds?: CallBounds): Promise<readonly RegisteredApplicationInfo[]>;
  /** Without a version the one that a submit without a version gets. APPLICATION_UNKNOWN. */
  getApplication(id: string, version?: string, bounds?: CallBounds): Promise<PublishedApplication>;
  /** For operators. A retired version takes no chains any more. APPLICATION_RETIRED. */
  setApplicationState(
    id: string,
    version: string,
    state: ApplicationState,
    bounds?: CallBounds,
  ): Promise<ApplicationInfo>;
  /**
   * Names the version that a submit without a version gets; an empty one lets it be the newest
   * again. Answers the one that it is now. For operators. APPLICATION_RETIRED.
   */
  rollBack(id: string, version: string, bounds?: CallBounds): Promise<ApplicationInfo>;
  /**
   * What a chain would look like if it were submitted now, why every node is matched or not, and
   * what compensation would do. Writes nothing. INPUT_INVALID, NODE_UNKNOWN.
   */
  dryRun(subject: DryRunSubject, input: JsonValue, options?: DryRunOptions): Promise<ChainPlanInfo>;
  /** Nodes at and below the hub, by address; pages are fetched as the loop goes on. */
  listNodes(filter?: NodeFilter, bounds?: CallBounds): AsyncIterable<NodeInfo>;
  /** NODE_UNKNOWN when it is not registered at or below the hub. */
  getNode(address: string, bounds?: CallBounds): Promise<NodeInfo>;
  status(bounds?: CallBounds): Promise<HubStatus>;
  /** The hub takes no new chains until it is started again; what runs goes on. For operators. */
  drain(bounds?: CallBounds): Promise<void>;
  readonly users: UserCalls;
  /** What people work on. */
  readonly tasks: TaskCalls;
  /** Attachments by the hash of their content. */
  readonly blobs: BlobCalls;
  /** The directory of resources. */
  readonly resources: ResourceCalls;
  /**
   * A client that acts as this user, with a connection of its own to close. SIGN_IN_REFUSED,
   * PASSWORD_CHANGE_NEEDED.
   */
  signIn(account: string, password: string, bounds?: CallBounds): Promise<Client>;
  /** Calls that are under way, and all later ones, fail with CANCELLED. */
  close(): void;
}

const timeoutMsDefault = 10_000;
const chainsPerPage = 100;
const nodesPerPage = 500;

/** Refuses with CONFIG_INVALID or IDENTITY_* when the identity can't be used. */
export function createClient(options: ClientOptions): Client {
  return new HubClient(options);
}

class HubClient implements Client {
  readonly users: UserCalls;
  readonly tasks: TaskCalls;
  readonly blobs: BlobCalls;
  readonly resources: ResourceCalls;
  private readonly options: ClientOptions;
  private readonly host: CallHost;
  private readonly chains: ChainServiceClient;
  private readonly runs: ChainRuns;
  private readonly control: ChainControl;
  private readonly applications: ApplicationServiceClient;
  private readonly registry: RegistryServiceClient;
  private readonly hub: HubServiceClient;

  constructor(options: ClientOptions) {
    const { hub, identity, expected, timeoutMs = timeoutMsDefault, token } = options;
    const channel = new HubChannel({ hub, identity, expected, connectMs: timeoutMs });
    this.options = options;
    this.host = { hub, channel, timeoutMs, token };
    // One connection for all services.
    const shared = { channelOverride: channel.channel };
    this.chains = new ChainServiceClient(hub, channel.credentials, shared);
    this.applications = new ApplicationServiceClient(hub, channel.credentials, shared);
    this.registry = new RegistryServiceClient(hub, channel.credentials, shared);
    this.hub = new HubServiceClient(hub, channel.credentials, shared);
    this.runs = new ChainRuns(this.host, this.chains);
    this.control = createChainControl(this.host, this.chains);
    const users = new UserServiceClient(hub, channel.credentials, shared);
    this.users = new HubUsers(this.host, users);
    const tasks = new TaskServiceClient(hub, channel.credentials, shared);
    this.tasks = createTaskCalls(this.host, tasks);
    const blobs = new BlobServiceClient(hub, channel.credentials, shared);
    this.blobs = createBlobCalls(this.host, blobs);
    const catalog = new CatalogServiceClient(hub, channel.credentials, shared);
    this.resources = createResourceCalls(this.host, catalog);
  }

  async submit(
    application: string,
    input: JsonValue,
    options: SubmitOptions = {},
  ): Promise<Submitted> {
    const method = this.chains.submitChain.bind(this.chains);
    const request = submitRequest(application, input, options);
    const { chain, existed } = await callUnary(this.host, method, request, options);
    return { chain, existed };
  }

  async run(
    application: string,
    input: JsonValue,
    options: RunOptions = {},
  ): Promise<ChainSnapshot> {
    const { timeoutMs, signal } = options;
    const dueMs = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
    let submitted: Submitted | undefined;
    const onSubmitted = (answer: Submitted): void => {
      submitted = answer;
      options.onSubmitted?.(answer);
    };
    try {
      const submit = submitRequest(application, input, options);
      return readChain(await this.runs.run(submit, { signal, timeoutMs, onSubmitted }));
    } catch (error) {
      if (submitted === undefined || !isTransient(error)) throw error;
    }
    return await this.settled(submitted.chain, options, dueMs);
  }

  /** The connection broke after the submit: the chain is followed by a watch. */
  private async settled(
    chain: string,
    { signal, patienceMs }: RunOptions,
    dueMs: number | undefined,
  ): Promise<ChainSnapshot> {
    const signals: AbortSignal[] = signal === undefined ? [] : [signal];
    if (dueMs !== undefined) {
      const leftMs = Math.max(0, Math.ceil(dueMs - performance.now()));
      signals.push(AbortSignal.timeout(Math.min(leftMs, limits.timerDelayMsMax)));
    }
    // Revision 1 is known to be there: a hub that is gone is waited for.
    const watch = this.watch(chain, {
      signal: AbortSignal.any(signals),
      afterRevision: 1,
      patienceMs,
    });
    for await (const snapshot of watch) {
      if (isEndedState(snapshot.state) || snapshot.state === "suspended") return snapshot;
    }
    throw new MeshError("UNREACHABLE", { subject: chain, detail: "the watch ended too early" });
  }

  watch(chain: string, options: WatchOptions = {}): AsyncGenerator<ChainSnapshot> {
    return watchChain(this.host, this.chains, chain, options);
  }

  async getChain(chain: string, bounds: CallBounds = {}): Promise<ChainSnapshot> {
    const method = this.chains.getChain.bind(this.chains);
    const { chain: found } = await callUnary(this.host, method, { chain }, bounds);
    if (found === undefined) throw new MeshError("CHAIN_UNKNOWN", { subject: chain });
    return readChain(found);
  }

  async *listChains(
    filter: ChainFilter = {},
    bounds: CallBounds = {},
  ): AsyncGenerator<ChainSnapshot> {
    const method = this.chains.listChains.bind(this.chains);
    const state = chainStateNumber(filter.state);
    const { application = "" } = filter;
    let pageToken = "";
    do {
      const request = { pageSize: chainsPerPage, pageToken, state, application };
      const page = await callUnary(this.host, method, request, bounds);
      for (const chain of page.chains) yield readChain(chain);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async cancelChain(chain: string, reason: string, bounds: CallBounds = {}): Promise<void> {
    const method = this.chains.cancelChain.bind(this.chains);
    await callUnary(this.host, method, { chain, reason }, bounds);
  }

  retryChain(chain: string, options?: RetryOptions): Promise<void> {
    return this.control.retryChain(chain, options);
  }

  suspendChain(chain: string, reason: string, bounds?: CallBounds): Promise<void> {
    return this.control.suspendChain(chain, reason, bounds);
  }

  resumeChain(chain: string, reason: string, bounds?: CallBounds): Promise<void> {
    return this.control.resumeChain(chain, reason, bounds);
  }

  skipStep(chain: string, step: string, options: SkipOptions): Promise<void> {
    return this.control.skipStep(chain, step, options);
  }

  rematchStep(chain: string, step: string, options: RematchOptions): Promise<void> {
    return this.control.rematchStep(chain, step, options);
  }

  signal(name: string, payload: JsonValue, options?: SignalOptions): Promise<Signalled> {
    return this.control.signal(name, payload, options);
  }

  async publish(source: string, options: SourceOptions = {}): Promise<ApplicationInfo> {
    const method = this.applications.publishApplication.bind(this.applications);
    const request = { source, file: options.file ?? "" };
    const { application } = await callUnary(this.host, method, request, options);
    return readApplication(application);
  }

  async lint(source: string, options: SourceOptions = {}): Promise<readonly Diagnostic[]> {
    const method = this.applications.lintApplication.bind(this.applications);
    const request = { source, file: options.file ?? "" };
    const { diagnostics } = await callUnary(this.host, method, request, options);
    return diagnostics.map(readDiagnostic);
  }

  async listApplications(bounds: CallBounds = {}): Promise<readonly ApplicationInfo[]> {
    const method = this.applications.listApplications.bind(this.applications);
    const { applications } = await callUnary(this.host, method, {}, bounds);
    return applications.map(readApplication);
  }

  async listRegistered(bounds: CallBounds = {}): Promise<readonly RegisteredApplicationInfo[]> {
    const method = this.applications.listApplications.bind(this.applications);
    const { registered } = await callUnary(this.host, method, {}, bounds);
    return registered.map(readRegistered);
  }

  async getApplication(
    id: string,
    version = "",
    bounds: CallBounds = {},
  ): Promise<PublishedApplication> {
    const method = this.applications.getApplication.bind(this.applications);
    return readPublished(await callUnary(this.host, method, { id, version }, bounds));
  }

  async setApplicationState(
    id: string,
    version: string,
    state: ApplicationState,
    bounds: CallBounds = {},
  ): Promise<ApplicationInfo> {
    const method = this.applications.setApplicationState.bind(this.applications);
    const request = { id, version, state: applicationStateNumber(state) };
    return readApplication((await callUnary(this.host, method, request, bounds)).application);
  }

  async rollBack(id: string, version: string, bounds: CallBounds = {}): Promise<ApplicationInfo> {
    const method = this.applications.rollBackApplication.bind(this.applications);
    const answer = await callUnary(this.host, method, { id, version }, bounds);
    return readApplication(answer.application);
  }

  async dryRun(
    subject: DryRunSubject,
    input: JsonValue,
    options: DryRunOptions = {},
  ): Promise<ChainPlanInfo> {
    const method = this.applications.dryRunApplication.bind(this.applications);
    const named = { source: "", file: "", id: "", version: "", ...subject };
    const { source, file = "", id, version = "" } = named;
    const bytes = new TextEncoder().encode(JSON.stringify(input));
    const { nodesMax = 0, nodes = [] } = options;
    const request = { source, file, id, version, input: bytes, nodesMax, nodes: [...nodes] };
    return readPlan(await callUnary(this.host, method, request, options));
  }

  async *listNodes(filter: NodeFilter = {}, bounds: CallBounds = {}): AsyncGenerator<NodeInfo> {
    const method = this.registry.listNodes.bind(this.registry);
    const { level = "", area = "", capability = "" } = filter;
    const state = nodeStateNumber(filter.state);
    let pageToken = "";
    do {
      const request = { pageSize: nodesPerPage, pageToken, level, area, state, capability };
      const page = await callUnary(this.host, method, request, bounds);
      for (const node of page.nodes) yield readNode(node);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async getNode(address: string, bounds: CallBounds = {}): Promise<NodeInfo> {
    const method = this.registry.getNode.bind(this.registry);
    const { node } = await callUnary(this.host, method, { address }, bounds);
    if (node === undefined) throw new MeshError("NODE_UNKNOWN", { subject: address });
    return readNode(node);
  }

  async status(bounds: CallBounds = {}): Promise<HubStatus> {
    const method = this.hub.getHubStatus.bind(this.hub);
    return readStatus(await callUnary(this.host, method, {}, bounds));
  }

  async drain(bounds: CallBounds = {}): Promise<void> {
    await callUnary(this.host, this.hub.drainHub.bind(this.hub), {}, bounds);
  }

  async signIn(account: string, password: string, bounds: CallBounds = {}): Promise<Client> {
    const { token } = await this.users.signIn(account, password, bounds);
    return new HubClient({ ...this.options, token });
  }

  close(): void {
    this.host.channel.close();
  }
}

function submitRequest(application: string, input: JsonValue, options: SubmitOptions) {
  const { version = "", key = "" } = options;
  return { application, version, input: new TextEncoder().encode(JSON.stringify(input)), key };
}
