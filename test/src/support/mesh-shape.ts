// Shape of a test's mesh: its nodes, their certificates, ports and stores on disk.

import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Address, parseAddress } from "@cloudbrain/sdk/domain";
import {
  type Credentials,
  checkCredentials,
  createMeshAuthority,
  issueCertificate,
  type MeshAuthority,
  openMeshAuthority,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import { initNodeStore } from "@cloudbrain/sdk/journal";
import type { HostedNode } from "./process-messages.ts";

export interface TreeNode {
  readonly role: "hub" | "agent";
  readonly address: Address;
  readonly level: string;
  readonly division: string;
  readonly parent: Address | undefined;
}

export interface MeshShape {
  readonly districts: number;
  readonly streetsPerDistrict: number;
  readonly communitiesPerStreet: number;
}

const mesh = "test.mesh";
export const cityAddress: Address = parseAddress("/3702");
const dayMs = 86_400_000;
const slackMs = 60_000;

/** Parents before children; communities hang under the lowest hubs that there are. */
export function makeTree(shape: MeshShape): readonly TreeNode[] {
  const nodes: TreeNode[] = [makeNode("hub", "city", undefined, "3702")];
  for (let d = 0; d < shape.districts; d += 1) {
    const district = makeNode("hub", "district", cityAddress, `3702${pad(d + 1, 2)}`);
    nodes.push(district);
    for (let s = 0; s < shape.streetsPerDistrict; s += 1) {
      const street = makeNode(
        "hub",
        "street",
        district.address,
        `3702${pad(d + 1, 2)}${pad(s + 1, 3)}`,
      );
      nodes.push(street);
      addCommunities(nodes, street.address, shape.communitiesPerStreet);
    }
    if (shape.streetsPerDistrict === 0) {
      addCommunities(nodes, district.address, shape.communitiesPerStreet);
    }
  }
  if (shape.districts === 0) addCommunities(nodes, cityAddress, shape.communitiesPerStreet);
  return nodes;
}

function addCommunities(nodes: TreeNode[], parent: Address, count: number): void {
  const code = parent.slice(parent.lastIndexOf("/") + 1).padEnd(9, "0");
  for (let index = 0; index < count; index += 1) {
    nodes.push(makeNode("agent", "community", parent, `${code}${pad(index + 1, 3)}`));
  }
}

function makeNode(
  role: TreeNode["role"],
  level: string,
  parent: Address | undefined,
  code: string,
): TreeNode {
  const address = parseAddress(`${parent ?? ""}/${code}`);
  return { role, address, level, division: code.padEnd(12, "0"), parent };
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}

export interface PreparedMesh {
  readonly nodes: ReadonlyMap<Address, HostedNode>;
  /** host:port of a hub. */
  target(address: Address): string;
  /** Credentials of whoever manages the city. */
  readonly operator: Credentials;
  /** Another caller's credentials, valid for so long. */
  readonly issue: (address: Address, liveMs: number) => Promise<Credentials>;
}

/** Certificates, a free port for every hub and an empty store for every node, below `directory`. */
export async function prepareMesh(
  directory: string,
  tree: readonly TreeNode[],
): Promise<PreparedMesh> {
  const nowMs = Date.now();
  const pem = await createMeshAuthority({
    mesh,
    rootAddress: cityAddress,
    nowMs: nowMs - slackMs,
    days: 2,
  });
  const authority = await openMeshAuthority(pem, mesh);
  const hubs = tree.filter(({ role }) => role === "hub");
  const ports = await findFreePorts(hubs.length);
  const portOf = new Map(hubs.map(({ address }, index) => [address, ports[index] ?? 0]));
  const target = (address: Address): string => `127.0.0.1:${portOf.get(address) ?? 0}`;
  const nodes = new Map<Address, HostedNode>();
  for (const { role, address, level, division, parent } of tree) {
    const own = join(directory, address.slice(1).replaceAll("/", "-"));
    writeCredentials(join(own, "identity"), await issue(authority, address));
    const data = join(own, "data");
    await initNodeStore({ directory: data, identity: address, storeId: randomUUID() });
    nodes.set(address, {
      role,
      address,
      level,
      division,
      directory: own,
      parent: parent === undefined ? "" : target(parent),
      port: portOf.get(address) ?? 0,
    });
  }
  return {
    nodes,
    target,
    operator: await issue(authority, parseAddress(`${cityAddress}/s-operator`)),
    issue: (address, liveMs) => issue(authority, address, liveMs),
  };
}

async function issue(
  authority: MeshAuthority,
  address: Address,
  liveMs = dayMs,
): Promise<Credentials> {
  const nowMs = Date.now();
  const pem = await issueCertificate(authority, {
    address,
    notBeforeMs: nowMs - slackMs,
    notAfterMs: nowMs + liveMs,
  });
  return checkCredentials({ ...pem, authorityPem: authority.certificatePem }, address);
}

/** Below the range from which the kernel takes ports for outgoing connections. */
const portMin = 20_000;
const portMax = 32_000;

/** Ports that nobody listens on now, and that no outgoing connection can take meanwhile. */
async function findFreePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  let candidate = portMin + Math.floor(Math.random() * (portMax - portMin - 10 * count));
  for (; ports.length < count && candidate < portMax; candidate += 1) {
    if (await isFree(candidate)) ports.push(candidate);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
