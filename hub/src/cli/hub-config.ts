// hub.yaml: what a hub needs to know. Every key can be overridden by CLOUDBRAIN_<KEY> and by a
// flag.

import { dirname, resolve } from "node:path";
import { type Config, calendarIssues, loadConfig } from "@cloudbrain/sdk/cli";
import { type CalendarConfig, capabilityPattern, parseCalendars } from "@cloudbrain/sdk/definition";
import {
  type Address,
  levels,
  limits,
  nodeKinds,
  parentOf,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import { z } from "zod";

const address = z.string().refine((text) => readAddress(text) !== undefined, {
  message: "write an address such as /3702/370202 (labels of [0-9a-z-])",
});

function readAddress(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

const target = z.string().regex(/^[^\s:]+:\d{1,5}$/, "write host:port");

/** As in the `match` of a definition. */
const capabilityCharsMax = 128;

const hubFields = z.strictObject({
  apiVersion: z.literal("cloudbrain/v1"),
  kind: z.literal("Hub"),
  address,
  title: z.strictObject({ zh: z.string().min(1), en: z.string().optional() }),
  nodeKind: z.enum(nodeKinds).default("level"),
  level: z.enum(levels).optional(),
  division: z
    .string()
    .regex(/^\d{12}$/, "write the 12 digits of the division code")
    .optional(),
  industry: z.string().optional(),
  region: z.string().optional(),
  /** host:port of the hub above; none at the root. */
  parent: target.optional(),
  listen: z
    .strictObject({
      host: z.string().default("127.0.0.1"),
      port: z.int().min(0).max(65_535).default(7443),
    })
    .default({ host: "127.0.0.1", port: 7443 }),
  /** Directory of node.crt, node.key and ca.crt. */
  identityDir: z.string().default("identity"),
  /** Directory of the store. */
  dataDir: z.string().default("data"),
  /** Room for attachments, in `data/blobs`. */
  blobQuotaBytes: z.int().min(0).default(limits.blobQuotaBytesDefault),
  heartbeatMs: z.int().min(100).max(600_000).default(limits.heartbeatMs),
  leaseMs: z.int().min(300).max(3_600_000).default(limits.linkLeaseMs),
  drainTimeoutMs: z.int().min(0).max(600_000).default(30_000),
  /** What the people of this hub do: steps of type human find their desk by it. */
  capabilities: z
    .array(
      z.string().max(capabilityCharsMax).regex(capabilityPattern, {
        message: "write a name and its version, such as clerk.handle/v1",
      }),
    )
    .max(limits.capabilitiesMax)
    .refine((names) => new Set(names).size === names.length, { message: "one stands there twice" })
    .default([]),
  /** Working calendars by name; the language says what is wrong with them. */
  calendars: z
    .record(z.string(), z.unknown())
    .superRefine((value, context) => {
      for (const issue of calendarIssues(value)) context.addIssue(issue);
    })
    .default({}),
  log: z.enum(["debug", "info", "warn", "error", "silent"]).default("info"),
});

const hubSchema = hubFields.refine((config) => config.parent === undefined || !isRoot(config), {
  path: ["parent"],
  message: "a hub at the root has none above it; give it an address below that of its parent",
});

function isRoot(config: { readonly address: string }): boolean {
  const own = readAddress(config.address);
  return own !== undefined && parentOf(own) === undefined;
}

type HubFile = z.infer<typeof hubSchema>;

export type HubConfig = Omit<HubFile, "calendars"> & {
  readonly calendars: readonly CalendarConfig[];
};

export interface ConfigMistake {
  /** Dotted, such as `listen.port`. */
  readonly key: string;
  readonly message: string;
}

/** The first thing for which `hub run` would refuse a file with these keys. */
export function findConfigMistake(
  keys: Readonly<Record<string, unknown>>,
): ConfigMistake | undefined {
  const issue = hubSchema.safeParse(keys).error?.issues[0];
  return issue === undefined ? undefined : { key: issue.path.join("."), message: issue.message };
}

/** Paths in the file are relative to the file. */
export function loadHubConfig(
  file: string,
  flags: Readonly<Record<string, unknown>> = {},
): Config<HubConfig> {
  const loaded = loadConfig({ schema: hubSchema, file, env: process.env, flags });
  const base = dirname(resolve(file));
  const { identityDir, dataDir, calendars } = loaded.value;
  const value = {
    ...loaded.value,
    identityDir: resolve(base, identityDir),
    dataDir: resolve(base, dataDir),
    calendars: parseCalendars(calendars).calendars,
  };
  const { file: read, keys } = loaded;
  return { value, file: read, keys, origin: (path) => loaded.origin(path) };
}
