// Test mesh: a vendor's nodes below real hub kernels, in one process and in virtual time. No
// server, no sockets, no disk.
//
//   M1  Everything that happens follows from the seed, the joined nodes and the calls, as long as
//       the handlers do: two runs have equal fingerprints.
//   M2  Faults delay; they lose nothing. Links break and resume as between processes.

import { formatDiagnostic, parseApplication } from "../definition/index.ts";
import {
  type Address,
  type Application,
  canonicalJson,
  type JsonValue,
  MeshError,
  type NodeDescription,
  parentOf,
  parseAddress,
} from "../domain/index.ts";
import { partsOf } from "../node/node-parts.ts";
import type { Node } from "../node/node-surface.ts";
import { Dice } from "./dice.ts";
import type { TestHubEvent, TestHubKernelClass, TestHubReply } from "./hub-contract.ts";
import { TestAgent } from "./test-agent.ts";
import { TestChain } from "./test-chain.ts";
import { type TestClock, VirtualClock } from "./test-clock.ts";
import { TestHub } from "./test-hub.ts";
import type { LinkWorld, TestFaults } from "./test-link.ts";
import { TestPerson, type TestPersonOptions } from "./test-person.ts";

export interface TestMeshOptions {
  /** `HubKernel` of "@cloudbrain/hub/kernel": the code that routes and aggregates in production. */
  readonly hub: TestHubKernelClass;
  /** Levels of the hubs from the root down. Default: city, district, street, community. */
  readonly levels?: readonly string[];
  /**
   * What hubs have beside their address, by address: capabilities such as those of human steps, an
   * industry, a region. They come into being with the first node that joins.
   */
  readonly hubs?: Readonly<Record<string, TestHubFeatures>>;
  readonly faults?: TestFaults;
  /** Of all chance: faults and pauses. Default: 1. */
  readonly seed?: number;
  /** Virtual time at the start. Default: 2026-01-01T00:00:00Z. */
  readonly startsAt?: Date;
}

export type TestHubFeatures = Partial<
  Pick<NodeDescription, "kind" | "level" | "industry" | "region" | "title" | "capabilities">
>;

export interface TestRunOptions {
  /** Idempotency key; default: as the application says. */
  readonly key?: string;
  /** Default: the newest published. */
  readonly version?: string;
  /** Address of the hub that takes the chain. Default: the root. */
  readonly at?: string;
}

type Refusal = Extract<TestHubReply, { kind: "refused" }>;

const levelsDefault = ["city", "district", "street", "community"];
const startsAtDefault = new Date("2026-01-01T00:00:00Z");
/** Virtual time within which a node joins and a call is answered, however bad the faults are. */
const patienceMs = 3_600_000;

/** Throws CONFIG_INVALID for faults that are no probabilities. */
export function testMesh(options: TestMeshOptions): TestMesh {
  return new TestMesh(options);
}

export class TestMesh implements AsyncDisposable {
  private readonly options: TestMeshOptions;
  private readonly virtualClock: VirtualClock;
  private readonly world: LinkWorld;
  private readonly hubs = new Map<Address, TestHub>();
  private readonly agents = new Map<Address, TestAgent>();
  private readonly applications = new Map<string, Application>();
  private root: TestHub | undefined;
  private lastLink = 0;
  private lastChain = 0;

  constructor(options: TestMeshOptions) {
    const { faults = {}, seed = 1, startsAt = startsAtDefault } = options;
    for (const [name, probability] of Object.entries(faults)) {
      if (!(probability >= 0 && probability <= 1)) {
        const detail = `${probability} is no probability; write 0 to 1`;
        throw new MeshError("CONFIG_INVALID", { subject: `faults.${name}`, detail });
      }
    }
    this.options = options;
    this.virtualClock = new VirtualClock(startsAt.getTime(), () => this.isBusy());
    this.world = {
      timeline: this.virtualClock.timeline,
      dice: new Dice(seed),
      faults,
      nextLinkId: () => {
        this.lastLink += 1;
        return this.lastLink;
      },
    };
  }

  get clock(): TestClock {
    return this.virtualClock;
  }

  /** Equal for two runs in which the same batches arrived at the same times. */
  fingerprint(): string {
    return this.virtualClock.timeline.traceHash.toString(16).padStart(8, "0");
  }

  /**
   * Publishes the YAML text of an application at every hub, those that join later included. Throws
   * APPLICATION_INVALID with every problem, APPLICATION_EXISTS for other content of a version.
   */
  async publish(text: string): Promise<void> {
    const parsed = parseApplication(text, { file: "application.yaml" });
    if (!parsed.ok) {
      const detail = parsed.diagnostics.map(formatDiagnostic).join("\n");
      throw new MeshError("APPLICATION_INVALID", { detail });
    }
    const { application } = parsed;
    const name = `${application.id}@${application.version}`;
    const known = this.applications.get(name);
    if (known?.hash === application.hash) return;
    if (known !== undefined) {
      const detail = "it is published with another content: raise metadata.version";
      throw new MeshError("APPLICATION_EXISTS", { subject: name, detail });
    }
    this.applications.set(name, application);
    for (const hub of this.hubs.values()) {
      await this.call(hub, (request) => ({ type: "publish", request, application }));
    }
  }

  /**
   * Joins nodes of `createNode`, with the hubs that their addresses need above them; resolves when
   * the root knows them. A node that was joined is not started, and has the handlers of now.
   */
  async join(...nodes: readonly Node[]): Promise<void> {
    for (const node of nodes) this.addAgent(node);
    for (const address of Object.keys(this.options.hubs ?? {})) this.hubAt(parseAddress(address));
    const isKnown = ({ address }: Node): boolean =>
      this.root?.kernel.state.nodes.has(address) === true;
    if (await this.virtualClock.runUntil(patienceMs, () => nodes.every(isKnown))) return;
    const missing = nodes.find((node) => !isKnown(node))?.address;
    const goodbye = missing === undefined ? undefined : this.agents.get(missing)?.lastGoodbye;
    const detail = `it has not joined; last goodbye: ${goodbye || "none"}`;
    throw new MeshError("UNREACHABLE", { subject: missing, detail });
  }

  /** Submits a chain. Throws what the hub refuses, such as INPUT_INVALID. */
  async run(
    application: string,
    input: JsonValue,
    options: TestRunOptions = {},
  ): Promise<TestChain> {
    const { key = "", version = "", at } = options;
    const hub = this.hubNamed(at);
    this.lastChain += 1;
    const reply = await this.call(hub, (request) => ({
      type: "submit",
      request,
      chain: `chain-${this.lastChain}`,
      application,
      version,
      key,
      bodyHash: canonicalJson([application, version, input]),
      input,
      submitter: "test",
      holder: undefined,
    }));
    if (reply.kind !== "accepted") throw new MeshError("DEFECT", { subject: application });
    return new TestChain({
      id: reply.chain,
      kernel: hub.kernel,
      clock: this.virtualClock,
      call: async (make) => {
        await this.call(hub, make);
      },
    });
  }

  /**
   * Somebody who works at the desk of the hub at `at`, the root by default. Their account, groups,
   * roles, department and area are what a hub knows of a signed-in user.
   */
  person(options: TestPersonOptions, at?: string): TestPerson {
    const hub = this.hubNamed(at);
    const { account } = options;
    const empty = { name: account, department: "", area: "", groups: [], roles: [] };
    return new TestPerson({
      actor: { ...empty, ...options },
      kernel: hub.kernel,
      nowMs: () => this.virtualClock.timeline.nowMs,
      call: (make) => this.call(hub, make),
    });
  }

  /** Sends a signal to the gates of a hub, the root by default; answers how many it has opened. */
  async signal(
    name: string,
    payload: JsonValue,
    options: { readonly chain?: string; readonly at?: string } = {},
  ): Promise<number> {
    const { chain, at } = options;
    const reply = await this.call(this.hubNamed(at), (request) => ({
      type: "signalled",
      request,
      name,
      payload,
      source: "test",
      ...(chain === undefined ? {} : { chain }),
    }));
    return reply.kind === "signalled" ? reply.opened : 0;
  }

  private hubNamed(at: string | undefined): TestHub {
    const hub = at === undefined ? this.root : this.hubs.get(parseAddress(at));
    if (hub !== undefined) return hub;
    const detail = at === undefined ? "join a node first" : "there is no hub at this address";
    throw new MeshError("NODE_UNKNOWN", { subject: at, detail });
  }

  /** Asks handlers that are still at work to stop; nothing happens in the mesh afterwards. */
  async close(): Promise<void> {
    this.virtualClock.close();
    for (const agent of this.agents.values()) agent.stop("the test mesh is closed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async call(
    hub: TestHub,
    make: (request: number) => TestHubEvent,
  ): Promise<Exclude<TestHubReply, Refusal>> {
    const replies: TestHubReply[] = [];
    hub.request(make, (answer) => replies.push(answer));
    await this.virtualClock.runUntil(patienceMs, () => replies.length > 0);
    const [reply] = replies;
    if (reply === undefined) throw new MeshError("TIMEOUT", { subject: hub.address });
    if (reply.kind === "refused") throw refusalOf(reply);
    return reply;
  }

  private addAgent(node: Node): void {
    const { address, state } = node;
    const refuse = (detail: string): MeshError =>
      new MeshError("CONFIG_INVALID", { subject: address, detail });
    const parts = partsOf(node);
    if (parts === undefined) throw refuse("join what createNode has made");
    if (state !== "new") throw refuse(`a node that is ${state} is joined to a mesh already`);
    if (this.agents.has(address)) throw refuse("a node at this address has joined already");
    if (this.hubs.has(address)) throw refuse("a hub stands at this address");
    const parent = parentOf(address);
    if (parent === undefined) throw refuse("a node stands below a hub");
    const { world } = this;
    const agent = new TestAgent({
      world,
      address,
      parts,
      parent: this.hubAt(parent),
      failed: (error) => this.virtualClock.fail(error),
    });
    this.agents.set(address, agent);
    agent.start();
  }

  private hubAt(address: Address): TestHub {
    const known = this.hubs.get(address);
    if (known !== undefined) return known;
    const refuse = (detail: string): MeshError =>
      new MeshError("CONFIG_INVALID", { subject: address, detail });
    if (this.agents.has(address)) throw refuse("a node that is no hub stands at this address");
    const above = parentOf(address);
    if (above === undefined && this.root !== undefined) {
      throw refuse(`the root of this mesh is ${this.root.address}`);
    }
    const { levels = levelsDefault, hub } = this.options;
    const level = levels[address.split("/").length - 2];
    if (level === undefined) {
      throw refuse(`only ${levels.length} levels of hubs are named: ${levels.join(", ")}`);
    }
    const parent = above === undefined ? undefined : this.hubAt(above);
    const features = this.options.hubs?.[address] ?? {};
    const description = { ...describeHub(address, level), ...features };
    const made = new TestHub({ world: this.world, hub, description, parent });
    if (parent === undefined) this.root = made;
    this.hubs.set(address, made);
    made.start();
    for (const application of this.applications.values()) {
      made.request(
        (request) => ({ type: "publish", request, application }),
        (reply) => {
          if (reply.kind === "refused") this.virtualClock.fail(refusalOf(reply));
        },
      );
    }
    return made;
  }

  private isBusy(): boolean {
    for (const agent of this.agents.values()) if (agent.isBusy()) return true;
    return false;
  }
}

function refusalOf({ code, detail, retryAfterMs }: Refusal): MeshError {
  return new MeshError(code, { detail, retryAfterMs });
}

const divisionDigits = 12;

/** A last label of digits is taken for a division code. */
function describeHub(address: Address, level: string): NodeDescription {
  const label = address.slice(address.lastIndexOf("/") + 1);
  return {
    address,
    kind: "level",
    level,
    division: /^\d{2,12}$/.test(label) ? label.padEnd(divisionDigits, "0") : "",
    industry: "",
    region: "",
    title: { zh: label, en: label },
    capabilities: [],
    hub: true,
    version: "",
  };
}
