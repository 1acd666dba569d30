// Test mesh: a vendor's nodes below real hub kernels, in one process and in virtual time. No
// server, no sockets, no disk.
//
//   M1  Everything that happens follows from the seed, the joined nodes and the calls, as long as
//       the handlers do: two runs have equal fingerprints.
//   M2  Faults delay; they lose nothing. Links break and resume as between processes.

import type { Signalled } from "../client/chain-control.ts";
import { formatDiagnostic, parseApplication } from "../definition/index.ts";
import {
  type Address,
  type Application,
  canonicalJson,
  type JsonValue,
  MeshError,
  parseAddress,
} from "../domain/index.ts";
import type { Node } from "../node/node-surface.ts";
import { Dice } from "./dice.ts";
import type { TestHubEvent, TestHubKernelClass, TestHubReply } from "./hub-contract.ts";
import { TestChain } from "./test-chain.ts";
import { type TestClock, VirtualClock } from "./test-clock.ts";
import type { TestHub } from "./test-hub.ts";
import type { LinkWorld, TestFaults } from "./test-link.ts";
import { TestPerson, type TestPersonOptions } from "./test-person.ts";
import { type TestHubFeatures, TestTree } from "./test-tree.ts";

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
  private readonly virtualClock: VirtualClock;
  private readonly tree: TestTree;
  private readonly applications = new Map<string, Application>();
  private readonly described: readonly Address[];
  private lastChain = 0;

  constructor(options: TestMeshOptions) {
    const { faults = {}, seed = 1, startsAt = startsAtDefault } = options;
    for (const [name, probability] of Object.entries(faults)) {
      if (!(probability >= 0 && probability <= 1)) {
        const detail = `${probability} is no probability; write 0 to 1`;
        throw new MeshError("CONFIG_INVALID", { subject: `faults.${name}`, detail });
      }
    }
    const { hub, levels = levelsDefault, hubs = {} } = options;
    this.virtualClock = new VirtualClock(startsAt.getTime(), () => this.tree.isBusy());
    this.described = Object.keys(hubs).map(parseAddress);
    this.tree = new TestTree({
      world: this.createWorld(new Dice(seed), faults),
      hub,
      levels,
      features: hubs,
      opened: (made) => this.publishAllAt(made),
      failed: (error) => this.virtualClock.fail(error),
    });
  }

  private createWorld(dice: Dice, faults: TestFaults): LinkWorld {
    let lastLink = 0;
    const { timeline } = this.virtualClock;
    return {
      timeline,
      dice,
      faults,
      nextLinkId: () => {
        lastLink += 1;
        return lastLink;
      },
    };
  }

  private publishAllAt(hub: TestHub): void {
    for (const application of this.applications.values()) {
      hub.request(
        (request) => ({ type: "publish", request, application }),
        (reply) => {
          if (reply.kind === "refused") this.virtualClock.fail(refusalOf(reply));
        },
      );
    }
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
    for (const hub of this.tree.hubs.values()) {
      await this.call(hub, (request) => ({ type: "publish", request, application }));
    }
  }

  /**
   * Joins nodes of `createNode`, with the hubs that their addresses need above them; resolves when
   * the root knows them. A node that was joined is not started, and has the handlers of now.
   */
  async join(...nodes: readonly Node[]): Promise<void> {
    const { tree } = this;
    for (const node of nodes) tree.addNode(node);
    for (const address of this.described) tree.hubAt(address);
    const isKnown = ({ address }: Node): boolean =>
      tree.root?.kernel.state.nodes.has(address) === true;
    if (await this.virtualClock.runUntil(patienceMs, () => nodes.every(isKnown))) return;
    const missing = nodes.find((node) => !isKnown(node))?.address;
    const goodbye = missing === undefined ? undefined : tree.agents.get(missing)?.lastGoodbye;
    const detail = `it has not joined; last goodbye: ${goodbye || "none"}`;
    throw new MeshError("UNREACHABLE", { subject: missing, detail });
  }

  /**
   * Takes the link between a node or hub and the hub above it away until `reconnect`; resolves when
   * the hub above knows. What has been said and not received is said again then.
   */
  async disconnect(address: string): Promise<void> {
    await this.link(address, "disconnect", (state) => state !== "online");
  }

  /** Resolves when the hub above knows that the node or hub is back. */
  async reconnect(address: string): Promise<void> {
    await this.link(address, "reconnect", (state) => state === "online");
  }

  private async link(
    address: string,
    what: "disconnect" | "reconnect",
    isDone: (state: string | undefined) => boolean,
  ): Promise<void> {
    const { below, above } = this.tree.linkNamed(address);
    below[what]();
    const isSeen = (): boolean => isDone(above.kernel.state.nodes.get(below.address)?.state);
    if (await this.virtualClock.runUntil(patienceMs, isSeen)) return;
    throw new MeshError("TIMEOUT", { subject: address, detail: `${what} was not seen` });
  }

  /** Submits a chain. Throws what the hub refuses, such as INPUT_INVALID. */
  async run(
    application: string,
    input: JsonValue,
    options: TestRunOptions = {},
  ): Promise<TestChain> {
    const { key = "", version = "", at } = options;
    const hub = this.tree.hubNamed(at);
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
    const hub = this.tree.hubNamed(at);
    const { account } = options;
    const empty = { name: account, department: "", area: "", groups: [], roles: [] };
    return new TestPerson({
      actor: { ...empty, ...options },
      kernel: hub.kernel,
      nowMs: () => this.virtualClock.timeline.nowMs,
      call: (make) => this.call(hub, make),
    });
  }

  /** Sends a signal to the gates of a hub, the root by default, as `client.signal` does. */
  async signal(
    name: string,
    payload: JsonValue,
    options: { readonly chain?: string; readonly at?: string } = {},
  ): Promise<Signalled> {
    const { chain, at } = options;
    const reply = await this.call(this.tree.hubNamed(at), (request) => ({
      type: "signalled",
      request,
      name,
      payload,
      source: "test",
      ...(chain === undefined ? {} : { chain }),
    }));
    if (reply.kind !== "signalled") throw new MeshError("DEFECT", { subject: name });
    const { opened, retained, detail } = reply;
    return { opened, retained, detail };
  }

  /** Asks handlers that are still at work to stop; nothing happens in the mesh afterwards. */
  async close(): Promise<void> {
    this.virtualClock.close();
    for (const agent of this.tree.agents.values()) agent.stop("the test mesh is closed");
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
}

function refusalOf({ code, detail, retryAfterMs }: Refusal): MeshError {
  return new MeshError(code, { detail, retryAfterMs });
}
