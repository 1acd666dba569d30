// Test tree: the hubs and nodes of a test mesh. Hubs come into being above what joins.

import {
  type Address,
  MeshError,
  type NodeDescription,
  parentOf,
  parseAddress,
} from "../domain/index.ts";
import { partsOf } from "../node/node-parts.ts";
import type { Node } from "../node/node-surface.ts";
import type { TestHubKernelClass } from "./hub-contract.ts";
import { TestAgent } from "./test-agent.ts";
import { TestHub } from "./test-hub.ts";
import type { LinkWorld } from "./test-link.ts";

export type TestHubFeatures = Partial<
  Pick<
    NodeDescription,
    "kind" | "level" | "division" | "industry" | "region" | "title" | "capabilities"
  >
>;

export interface TestTreeOptions {
  readonly world: LinkWorld;
  readonly hub: TestHubKernelClass;
  /** From the root down. */
  readonly levels: readonly string[];
  readonly features: Readonly<Record<string, TestHubFeatures>>;
  /** A hub has come into being. */
  readonly opened: (hub: TestHub) => void;
  /** A rule of ours is broken. */
  readonly failed: (error: unknown) => void;
}

export class TestTree {
  readonly hubs = new Map<Address, TestHub>();
  readonly agents = new Map<Address, TestAgent>();
  root: TestHub | undefined;
  private readonly options: TestTreeOptions;

  constructor(options: TestTreeOptions) {
    this.options = options;
  }

  /** The root when no address is given. */
  hubNamed(at: string | undefined): TestHub {
    const hub = at === undefined ? this.root : this.hubs.get(parseAddress(at));
    if (hub !== undefined) return hub;
    const detail = at === undefined ? "join a node first" : "there is no hub at this address";
    throw new MeshError("NODE_UNKNOWN", { subject: at, detail });
  }

  /** What stands at an address and the hub above it. */
  linkNamed(text: string): { readonly below: TestHub | TestAgent; readonly above: TestHub } {
    const address = parseAddress(text);
    const parent = parentOf(address);
    const below = this.agents.get(address) ?? this.hubs.get(address);
    const above = parent === undefined ? undefined : this.hubs.get(parent);
    if (below !== undefined && above !== undefined) return { below, above };
    const detail = "no node or hub with a hub above it stands at this address";
    throw new MeshError("NODE_UNKNOWN", { subject: text, detail });
  }

  addNode(node: Node): void {
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
    const { world, failed } = this.options;
    const agent = new TestAgent({ world, address, parts, parent: this.hubAt(parent), failed });
    this.agents.set(address, agent);
    agent.start();
  }

  hubAt(address: Address): TestHub {
    const known = this.hubs.get(address);
    if (known !== undefined) return known;
    const refuse = (detail: string): MeshError =>
      new MeshError("CONFIG_INVALID", { subject: address, detail });
    if (this.agents.has(address)) throw refuse("a node that is no hub stands at this address");
    const above = parentOf(address);
    if (above === undefined && this.root !== undefined) {
      throw refuse(`the root of this mesh is ${this.root.address}`);
    }
    const { world, hub, levels, features, opened } = this.options;
    const level = features[address]?.level ?? levels[address.split("/").length - 2];
    if (level === undefined) {
      throw refuse(`only ${levels.length} levels of hubs are named: ${levels.join(", ")}`);
    }
    const parent = above === undefined ? undefined : this.hubAt(above);
    const description = { ...describeHub(address, level), ...features[address] };
    const made = new TestHub({ world, hub, description, parent });
    if (parent === undefined) this.root = made;
    this.hubs.set(address, made);
    made.start();
    opened(made);
    return made;
  }

  isBusy(): boolean {
    for (const agent of this.agents.values()) if (agent.isBusy()) return true;
    return false;
  }
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
