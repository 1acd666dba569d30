// ApplicationService: applications are published, looked at, tried, rolled back and retired.

import type { ApplicationInfo, ApplicationServiceServer } from "@cloudbrain/proto";
import { protoTitle } from "@cloudbrain/sdk/codec";
import { type ParsedApplication, parseApplication } from "@cloudbrain/sdk/definition";
import {
  type Address,
  type Application,
  limits,
  MeshError,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import {
  type ApplicationState,
  findApplication,
  publicationOf,
  registrationKey,
  resolveScope,
  viewRegistration,
  whyNotFound,
} from "../kernel/index.ts";
import { hashOfSource } from "../storage/history.ts";
import { parseJsonField, refusalOf } from "./answers.ts";
import { protoRegistration } from "./application-messages.ts";
import { unary } from "./calls.ts";
import { protoPlan } from "./plan-messages.ts";
import type { ServiceParts } from "./services.ts";
import { requireRight } from "./user-rights.ts";
import { whoOf } from "./who-of.ts";

const sourceCharsMax = 256 * 1024;
const applicationStates: readonly ApplicationState[] = ["published", "deprecated", "retired"];

export function createApplicationService(parts: ServiceParts): ApplicationServiceServer {
  const { calls: host } = parts;
  return {
    publishApplication: unary(host, "manage", async ({ source, file }, context) => {
      const application = readApplication(parts, source, file);
      requireRight(context.user, application.id, "manage");
      await command(parts, application.id, (request) => ({
        type: "publish",
        request,
        application,
        source,
        sourceHash: hashOfSource(source),
        publisher: whoOf(context),
      }));
      return { application: infoOf(parts, application) };
    }),
    lintApplication: unary(host, "use", ({ source, file }) => {
      const parsed = readSource(parts, source, file);
      const found = parsed.ok ? parsed.warnings : parsed.diagnostics;
      return {
        diagnostics: found.map((diagnostic) => ({
          ...diagnostic,
          suggestion: diagnostic.suggestion ?? "",
        })),
      };
    }),
    listApplications: unary(host, "use", () => ({
      applications: [...parts.kernel.state.applications.entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, application]) => infoOf(parts, application)),
      registered: registeredHere(parts),
    })),
    getApplication: unary(host, "use", async ({ id, version }) => {
      const application = existing(parts, id, version);
      const { sourceHash } = publicationOf(parts.kernel.state, application);
      const source = sourceHash === "" ? "" : await parts.history.source(sourceHash);
      const registration = registrationOf(parts, application);
      return { application: infoOf(parts, application), source, registration };
    }),
    setApplicationState: unary(host, "manage", async ({ id, version, state }, context) => {
      requireRight(context.user, id, "manage");
      const wanted = applicationStates[state - 1];
      if (wanted === undefined) {
        const detail = "name the state: published, deprecated or retired";
        throw new MeshError("INPUT_INVALID", { subject: "state", detail });
      }
      await command(parts, id, (request) => ({
        type: "setApplicationState",
        request,
        id,
        version,
        state: wanted,
        setter: whoOf(context),
      }));
      return { application: infoOf(parts, existing(parts, id, version)) };
    }),
    rollBackApplication: unary(host, "manage", async ({ id, version }, context) => {
      requireRight(context.user, id, "manage");
      await command(parts, id, (request) => ({
        type: "rollBack",
        request,
        id,
        version,
        setter: whoOf(context),
      }));
      const current = findApplication(parts.kernel.state, id, "");
      return { application: current === undefined ? undefined : infoOf(parts, current) };
    }),
    dryRunApplication: unary(host, "use", (request, context) => {
      const { source, file, id, version } = request;
      const application =
        source === "" ? existing(parts, id, version) : readApplication(parts, source, file);
      const given = parseJsonField("input", request.input, limits.inputBytesMax) ?? {};
      const perStepMax = Math.floor(limits.planNodesMax / application.steps.length);
      const plan = parts.kernel.planChain(application, given, parts.journal.now(), {
        submitter: whoOf(context),
        nodesMax: Math.min(request.nodesMax, perStepMax),
        named: namedNodes(parts, request.nodes),
      });
      if (typeof plan === "string") {
        throw new MeshError("INPUT_INVALID", { subject: "input", detail: plan });
      }
      return protoPlan(plan);
    }),
  };
}

/** Addresses as they are, division codes as the address that has them. */
function namedNodes({ kernel }: ServiceParts, names: readonly string[]): readonly Address[] {
  if (names.length > limits.planNodesNamedMax) {
    const detail = `a dry run tells of at most ${limits.planNodesNamedMax} nodes by name`;
    throw new MeshError("INPUT_INVALID", { subject: "nodes", detail });
  }
  return names.map((name) => {
    if (name.startsWith("/")) return parseAddress(name);
    const found = resolveScope(kernel.state, name);
    if (found !== undefined) return found;
    const detail = `no node below this hub has the division code ${JSON.stringify(name)}`;
    throw new MeshError("NODE_UNKNOWN", { subject: "nodes", detail });
  });
}

async function command(
  parts: ServiceParts,
  subject: string,
  make: Parameters<ServiceParts["driver"]["request"]>[0],
): Promise<void> {
  const answer = await parts.driver.request(make);
  if (answer.kind !== "done") throw refusalOf(answer, subject);
}

function readSource({ calendars }: ServiceParts, source: string, file: string): ParsedApplication {
  if (source.length > sourceCharsMax) {
    throw new MeshError("PAYLOAD_TOO_LARGE", {
      subject: file,
      detail: `a definition has at most ${sourceCharsMax} characters`,
    });
  }
  return parseApplication(source, { file: file === "" ? "application.yaml" : file, calendars });
}

/** Refuses with the place of the first mistake. */
function readApplication(parts: ServiceParts, source: string, file: string): Application {
  const parsed = readSource(parts, source, file);
  if (parsed.ok) return parsed.application;
  const first = parsed.diagnostics[0];
  const place = first === undefined ? file : `${first.file}:${first.line}:${first.column}`;
  const more = parsed.diagnostics.length - 1;
  throw new MeshError("APPLICATION_INVALID", {
    subject: place,
    detail: `${first?.message ?? "not valid"}${more > 0 ? ` (and ${more} more)` : ""}`,
  });
}

function existing(parts: ServiceParts, id: string, version: string): Application {
  const { state } = parts.kernel;
  const found = findApplication(state, id, version);
  if (found !== undefined) return found;
  const what = `${id} ${version}`.trim();
  const why = whyNotFound(state, id, version);
  const detail = why === "" ? `${what} is not published at this hub` : why;
  throw new MeshError("APPLICATION_UNKNOWN", {
    subject: what.slice(0, limits.keyCharsMax),
    detail,
  });
}

function infoOf(parts: ServiceParts, application: Application): ApplicationInfo {
  const { state } = parts.kernel;
  const { id, version, hash, title } = application;
  const publication = publicationOf(state, application);
  return {
    id,
    version,
    hash,
    title: protoTitle(title),
    state: applicationStates.indexOf(publication.state) + 1,
    current: findApplication(state, id, "") === application,
    pinned: state.pins.get(id)?.version === version,
    publisher: publication.publisher,
    publishTime: timeOf(publication.publishedAtMs),
    sourceHash: publication.sourceHash,
    stateSetter: publication.stateSetter,
    stateTime: timeOf(publication.stateAtMs),
  };
}

function timeOf(ms: number): Date | undefined {
  return ms === 0 ? undefined : new Date(ms);
}

function registrationOf(parts: ServiceParts, { id, version }: Application) {
  const { state } = parts.kernel;
  const key = registrationKey({ origin: state.self, application: id, version });
  const registration = state.registrations.get(key);
  if (registration === undefined) return undefined;
  return protoRegistration(state, parts.description, viewRegistration(state, registration));
}

function registeredHere({ kernel: { state } }: ServiceParts) {
  return [...state.registrations.entries()]
    .filter(([, { upstream }]) => upstream !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { origin, application, version, hash, title }]) => ({
      origin,
      id: application,
      version,
      hash,
      title: protoTitle(title),
    }));
}
