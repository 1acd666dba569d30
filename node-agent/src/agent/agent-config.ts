// agent.yaml: which agents a process runs, where each stands, and who does its work: handlers of a
// module, drivers of other systems, or both.
//
//   F1  Either the agent itself stands at the top, or a list `agents`; what stands at the top then
//       holds for every agent that says nothing of its own.
//   F2  Paths in the file are relative to the file; those of flags and variables to where we are.

import { dirname, resolve } from "node:path";
import { type Config, type ConfigOrigin, type Language, loadConfig } from "@cloudbrain/sdk/cli";
import {
  isMeshError,
  levels,
  limits,
  MeshError,
  type NodeKind,
  nodeKinds,
  parentOf,
  parseAddress,
  type Title,
} from "@cloudbrain/sdk/domain";
import { z } from "zod";
import { type Environment, targetPattern } from "../cli/settings.ts";
import { createSay, type Say } from "../cli/texts.ts";
import {
  createDriverFields,
  type DriverPlan,
  isLoopback,
  placeNear,
} from "../drivers/driver-config.ts";

function createAddressSchema(say: Say) {
  return z.string().superRefine((text, context) => {
    try {
      if (parentOf(parseAddress(text)) !== undefined) return;
      context.addIssue({ code: "custom", message: say("agent.root") });
    } catch (error) {
      const why = isMeshError(error) ? error.detail : undefined;
      context.addIssue({ code: "custom", message: why ?? String(error) });
    }
  });
}

function createFields(say: Say) {
  const text = z.string().min(1).optional();
  return {
    address: createAddressSchema(say).optional(),
    title: z.strictObject({ zh: z.string().min(1), en: z.string().optional() }).optional(),
    nodeKind: z.enum(nodeKinds).optional(),
    level: z.enum(levels).optional(),
    division: z
      .string()
      .regex(/^\d{12}$/, say("agent.division"))
      .optional(),
    industry: text,
    region: text,
    /** host:port of the hub above. */
    hub: z.string().regex(targetPattern, say("write.target")).optional(),
    /** Directory of node.crt, node.key and ca.crt. */
    identity: text,
    /** Directory of the store, made by `agent init`. */
    data: text,
    /** ES module with the named export `handlers`. */
    handlers: text,
    /** How other systems are reached, one entry for each capability. */
    drivers: z.array(createDriverFields(say)).min(1).max(limits.capabilitiesMax).optional(),
    /** Handlers at once; more wait in the durable inbox. */
    concurrency: z.int().min(1).max(10_000).optional(),
  };
}

const apiListenDefault = "127.0.0.1:7480";

/** The API speaks plain HTTP: it is for this machine alone. */
function isLocal(listen: string): boolean {
  if (listen.startsWith("unix:")) return listen.length > "unix:".length;
  return targetPattern.test(listen) && isLoopback(listen.slice(0, listen.lastIndexOf(":")));
}

const drainMsDefault = 30_000;
const drainMsMax = 600_000;
/** More agents than a hub takes children would be a mistake. */
const agentsMax = 10_000;

function createSchema(say: Say) {
  const fields = createFields(say);
  return z
    .strictObject({
      /** Time for running work at the end. */
      drainTimeoutMs: z.int().min(0).max(drainMsMax).default(drainMsDefault),
      apiVersion: z.literal("cloudbrain/v1").optional(),
      kind: z.literal("Agent").optional(),
      /** The local REST API, over which outcomes come that were put off. */
      api: z
        .strictObject({
          /** host:port of loopback, or unix:PATH. */
          listen: z.string().refine(isLocal, say("agent.api.listen")).default(apiListenDefault),
          tokenFile: z.string().min(1),
        })
        .optional(),
      /** What every HTTP driver signs with that has no secret of its own. */
      webhook: z.strictObject({ secretFile: z.string().min(1) }).optional(),
      ...fields,
      agents: z.array(z.strictObject(fields)).min(1).max(agentsMax).optional(),
    })
    .superRefine((file, context) => {
      if ((file.address === undefined) !== (file.agents === undefined)) return;
      const message = say(file.agents === undefined ? "agent.neither" : "agent.both");
      context.addIssue({ code: "custom", path: ["address"], message });
    });
}

type AgentFile = z.infer<ReturnType<typeof createSchema>>;
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
  /** The module; empty when drivers do all the work. */
  readonly handlers: string;
  /** Where `handlers` was written, for messages. */
  readonly handlersPlace: string;
  readonly drivers: readonly DriverPlan[];
  readonly concurrency: number | undefined;
}

/** A file of the configuration that is read at the start, and where it is named. */
export interface NamedFile {
  readonly path: string;
  readonly place: string;
}

export interface ApiPlan {
  /** host:port, or unix:PATH. */
  readonly listen: string;
  readonly listenPlace: string;
  readonly token: NamedFile;
}

export interface AgentsConfig {
  readonly agents: readonly AgentOptions[];
  readonly drainTimeoutMs: number;
  readonly api: ApiPlan | undefined;
  readonly webhookSecret: NamedFile | undefined;
}

/** Refuses with CONFIG_INVALID, one line per mistake. */
export function loadAgents(
  file: string,
  env: Environment,
  flags: Readonly<Record<string, unknown>>,
  lang: Language = "en",
): AgentsConfig {
  const say = createSay(lang);
  const config = loadConfig({ file, schema: createSchema(say), env, flags, lang });
  const { agents, drainTimeoutMs, api, webhook, ...top } = config.value;
  const reader = new AgentReader(file, config, say);
  const read =
    agents === undefined
      ? [reader.read({ identity: "identity", data: "data", ...top }, {}, "")]
      : agents.map((agent, index) => reader.read(agent, top, `agents.${index}.`));
  reader.refuseTwice(read);
  reader.finish();
  return {
    agents: read,
    drainTimeoutMs,
    api:
      api === undefined
        ? undefined
        : {
            listen: reader.localListen(api.listen),
            listenPlace: placeNear(config, "api.listen"),
            token: reader.named("api.tokenFile", api.tokenFile),
          },
    webhookSecret:
      webhook === undefined ? undefined : reader.named("webhook.secretFile", webhook.secretFile),
  };
}

class AgentReader {
  private readonly file: string;
  private readonly config: Config<AgentFile>;
  private readonly say: Say;
  private readonly mistakes: string[] = [];

  constructor(file: string, config: Config<AgentFile>, say: Say) {
    this.say = say;
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
    const drivers = own.drivers ?? top.drivers ?? [];
    const hasModule = (own.handlers ?? top.handlers) !== undefined;
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
      handlers: drivers.length > 0 && !hasModule ? "" : path("handlers"),
      drivers: this.plans(drivers, own.drivers === undefined ? "drivers" : `${before}drivers`),
      handlersPlace: this.config.origin(place).place,
      concurrency: own.concurrency ?? top.concurrency,
    };
  }

  private plans(drivers: NonNullable<AgentFields["drivers"]>, at: string): DriverPlan[] {
    const { config } = this;
    return drivers.map((fields, index) => ({
      fields,
      place: (key) => placeNear(config, `${at}.${index}.${key}`),
      resolve: (path) => this.resolved(path, config.origin(at)),
    }));
  }

  named(key: string, path: string): NamedFile {
    return {
      path: this.resolved(path, this.config.origin(key)),
      place: placeNear(this.config, key),
    };
  }

  localListen(listen: string): string {
    if (!listen.startsWith("unix:")) return listen;
    return `unix:${this.resolved(listen.slice("unix:".length), this.config.origin("api.listen"))}`;
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
            `${place}: agents.${index}.${key}: ${this.say("agent.twice", { value })}`,
          );
        }
        seen.add(value);
      }
    }
  }

  private missing(path: string): void {
    const around = path.split(".").slice(0, -1).join(".");
    const place = around === "" ? `${this.file}:1:1` : this.config.origin(around).place;
    this.mistakes.push(`${place}: ${path}: ${this.say("agent.missing")}`);
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
