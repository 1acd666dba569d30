// What a vendor tells of its node, and where what it leaves out comes from.

import {
  type Address,
  limits,
  MeshError,
  type NodeDescription,
  type NodeKind,
  type Title,
} from "../domain/index.ts";
import { type Credentials, readCredentials } from "../identity/index.ts";

import type { Clock } from "../journal/index.ts";

export type NodeLog = (event: string, fields: Record<string, unknown>) => void;

export interface NodeOptions {
  /** Where the node stands, such as /3702/370202/i-drainage. Its certificate must say the same. */
  readonly address: string;
  readonly title: Title;
  /** Default: `system`. */
  readonly kind?: NodeKind;
  readonly level?: string;
  /** 12-digit division code. */
  readonly division?: string;
  readonly industry?: string;
  readonly region?: string;
  /** host:port of the hub above. Default: CLOUDBRAIN_HUB. */
  readonly hub?: string;
  /** Directory of node.crt, node.key, ca.crt, or what they hold. Default: CLOUDBRAIN_IDENTITY. */
  readonly identity?: string | Credentials;
  /** Directory of the node's store, made by `initNode`. Default: CLOUDBRAIN_DATA. */
  readonly dataDir?: string;
  /** Handlers at once, 64 by default; more wait in the durable inbox. */
  readonly concurrency?: number;
  readonly heartbeatMs?: number;
  readonly leaseMs?: number;
  /** Of the vendor's system, for people. */
  readonly version?: string;
  /** Default: the machine's. For tests in which days pass; its hub has to follow the same one. */
  readonly clock?: Clock;
  /** Default: failures go to stderr, the rest is not told. */
  readonly log?: NodeLog;
  /**
   * The node has ended and must not go on in this process: its store fails or is an old copy.
   * Default: the error is thrown as uncaught, which ends the process.
   */
  readonly onFatal?: (error: MeshError) => void;
}

export interface NodeSettings {
  readonly hub: string;
  readonly dataDir: string;
  readonly credentials: Credentials;
  readonly timing: { readonly heartbeatMs: number; readonly leaseMs: number };
}

/** Throws CONFIG_INVALID for what is missing, IDENTITY_INVALID for another node's certificate. */
export function readSettings(options: NodeOptions, address: Address): NodeSettings {
  const { heartbeatMs = limits.heartbeatMs, leaseMs = limits.linkLeaseMs } = options;
  const { identity } = options;
  const credentials =
    typeof identity === "object"
      ? identity
      : readCredentials(required(identity, "identity", "CLOUDBRAIN_IDENTITY"));
  if (credentials.identity.address !== address) {
    const detail = `its certificate is of ${credentials.identity.address}`;
    throw new MeshError("IDENTITY_INVALID", { subject: address, detail });
  }
  return {
    hub: required(options.hub, "hub", "CLOUDBRAIN_HUB"),
    dataDir: required(options.dataDir, "dataDir", "CLOUDBRAIN_DATA"),
    credentials,
    timing: { heartbeatMs, leaseMs },
  };
}

function required(given: string | undefined, name: string, variable: string): string {
  const value = given ?? process.env[variable];
  if (value !== undefined && value !== "") return value;
  const detail = `it is missing; give it to createNode or set ${variable}`;
  throw new MeshError("CONFIG_INVALID", { subject: name, detail });
}

export function describeNode(
  options: NodeOptions,
  address: Address,
  capabilities: Iterable<string>,
): NodeDescription {
  return {
    address,
    kind: options.kind ?? "system",
    level: options.level ?? "",
    division: options.division ?? "",
    industry: options.industry ?? "",
    region: options.region ?? "",
    title: options.title,
    capabilities: [...capabilities].sort(),
    hub: false,
    version: options.version ?? "",
  };
}
