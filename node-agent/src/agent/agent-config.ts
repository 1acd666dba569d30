// agent.yaml: which agents a process runs, where each stands, and who does its work.
//
//   F1  Either the agent itself stands at the top, or a list `agents`; what stands at the top then
//       holds for every agent that says nothing of its own.
//   F2  Paths in the file are relative to the file; those of flags and variables to where we are.

import { dirname, resolve } from "node:path";
import { type Config, type ConfigOrigin, loadConfig } from "@cloudbrain/sdk/cli";
import {
  isMeshError,
  levels,
  MeshError,
  type NodeKind,
  nodeKinds,
  parentOf,
  parseAddress,
  type Title,
} from "@cloudbrain/sdk/domain";
import { z } from "zod";

const address = z.string().superRefine((text, context) => {
  try {
    if (parentOf(parseAddress(text)) !== undefined) return;
    context.addIssue({ code: "custom", message: "the root of a mesh is a hub, no agent" });
  } catch (error) {
    const why = isMeshError(error) ? error.detail : undefined;
    context.addIssue({ code: "custom", message: why ?? "it is no address" });
  }
});

const agentFields = {
  address: address.optional(),
  title: z.strictObject({ zh: z.string().min(1), en: z.string().optional() }).optional(),
  nodeKind: z.enum(nodeKinds).optional(),
  level: z.enum(levels).optional(),
  division: z
    .string()
    .regex(/^\d{12}$/, "write the 12 digits of the division code in quotes")
    .optional(),
  industry: z.string().optional(),
  region: z.string().optional(),
  /** host:port of the hub above. */
  hub: z
    .string()
    .regex(/^\S+:\d{1,5}$/, "write host:port")
    .optional(),
  /** Directory of node.crt, node.key and ca.crt. */
  identity: z.string().min(1).optional(),
  /** Directory of the store, made by `agent init`. */
  data: z.string().min(1).optional(),
  /** ES module with the named export `handlers`. */
  handlers: z.string().min(1).optional(),
  /** Handlers at once; more wait in the durable inbox. */
  concurrency: z.int().min(1).max(10_000).optional(),
};

const fileSchema = z
  .strictObject({
    apiVersion: z.literal("cloudbrain/v1").optional(),
    kind: z.literal("Agent").optional(),
    ...agentFields,
    agents: z.array(z.strictObject(agentFields)).min(1).max(10_000).optional(),
  })
  .superRefine((file, context) => {
    if ((file.address === undefined) !== (file.agents === undefined)) return;
    const message =
      file.agents === undefined
        ? "an `address` or a list `agents` is missing"
        : "write either `address` or `agents`, not both";
    context.addIssue({ code: "custom", path: ["address"], message });
  });

type AgentFile = z.infer<typeof fileSchema>;
type AgentFields = NonNullable<AgentFile["agents"]>[number];

export interface AgentOptions {
  readonly address: string;
  readonly title: Title;
  readonly kind: NodeKind;
  readonly level: string;
  readonly division: string;
  readonly industry: string;
  readonly region: string;
  readonly hub: string;
  readonly identity: string;
  readonly data: string;
  readonly handlers: string;
  /** Where `handlers` was written, for messages. */
  readonly handlersPlace: string;
  readonly concurrency: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Refuses with CONFIG_INVALID, one line per mistake. */
export function loadAgents(
  file: string,
  env: Environment,
  flags: Readonly<Record<string, unknown>>,
): readonly AgentOptions[] {
  const config = loadConfig({ file, schema: fileSchema, env, flags });
  const { agents, ...top } = config.value;
  const reader = new AgentReader(file, config);
  const read =
    agents === undefined
      ? [reader.read({ identity: "identity", data: "data", ...top }, {}, "")]
      : agents.map((agent, index) => reader.read(agent, top, `agents.${index}.`));
  reader.refuseTwice(read);
  reader.finish();
  return read;
}

class AgentReader {
  private readonly file: string;
  private readonly config: Config<AgentFile>;
  private readonly mistakes: string[] = [];

  constructor(file: string, config: Config<AgentFile>) {
    this.file = file;
    this.config = config;
  }

  read(own: AgentFields, top: AgentFields, before: string): AgentOptions {
    const text = (key: "address" | "hub" | "handlers" | "identity" | "data"): string => {
      const value = own[key] ?? (isShared(key) ? top[key] : undefined);
      if (value === undefined) this.missing(`${before}${key}`);
      return value ?? "";
    };
    const path = (key: "handlers" | "identity" | "data"): string => {
      const isOwn = own[key] !== undefined;
      return this.resolved(text(key), this.config.origin(`${isOwn ? before : ""}${key}`));
    };
    const title = own.title;
    if (title === undefined) this.missing(`${before}title`);
    const place = own.handlers === undefined ? "handlers" : `${before}handlers`;
    return {
      address: text("address"),
      title: title ?? { zh: "" },
      kind: own.nodeKind ?? top.nodeKind ?? "system",
      level: own.level ?? top.level ?? "",
      division: own.division ?? "",
      industry: own.industry ?? top.industry ?? "",
      region: own.region ?? top.region ?? "",
      hub: text("hub"),
      identity: path("identity"),
      data: path("data"),
      handlers: path("handlers"),
      handlersPlace: this.config.origin(place).place,
      concurrency: own.concurrency ?? top.concurrency,
    };
  }

  private resolved(path: string, { source }: ConfigOrigin): string {
    const isHere = source === "flag" || source === "env";
    return isHere ? resolve(path) : resolve(dirname(resolve(this.file)), path);
  }

  /** Two agents can neither stand at one place nor write into one store. */
  refuseTwice(agents: readonly AgentOptions[]): void {
    for (const key of ["address", "data"] as const) {
      const seen = new Set<string>();
      for (const [index, agent] of agents.entries()) {
        const value = agent[key];
        if (value !== "" && seen.has(value)) {
          const { place } = this.config.origin(`agents.${index}.${key}`);
          this.mistakes.push(
            `${place}: agents.${index}.${key}: another agent has it too: ${value}`,
          );
        }
        seen.add(value);
      }
    }
  }

  private missing(path: string): void {
    const around = path.split(".").slice(0, -1).join(".");
    const place = around === "" ? `${this.file}:1:1` : this.config.origin(around).place;
    this.mistakes.push(`${place}: ${path}: it is missing`);
  }

  finish(): void {
    if (this.mistakes.length === 0) return;
    const detail = this.mistakes.join("\n");
    throw new MeshError("CONFIG_INVALID", { subject: this.file, detail });
  }
}

/** Identity, store and address belong to one agent alone. */
function isShared(key: "address" | "hub" | "handlers" | "identity" | "data"): key is "hub" {
  return key === "hub" || key === "handlers";
}
