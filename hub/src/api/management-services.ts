// ApplicationService, RegistryService, HubService: what is published, registered, and how it goes.

import {
  type ApplicationInfo,
  type ApplicationServiceServer,
  type HubServiceServer,
  type ListNodesRequest,
  NodeRecord as ProtoNodeRecord,
  type RegistryServiceServer,
} from "@cloudbrain/proto";
import { protoDescription, protoTitle } from "@cloudbrain/sdk/codec";
import { parseApplication } from "@cloudbrain/sdk/definition";
import {
  type Application,
  isWithin,
  MeshError,
  type NodeRecord,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import { refusalOf } from "./answers.ts";
import { unary } from "./calls.ts";
import type { ServiceParts } from "./services.ts";

const sourceCharsMax = 256 * 1024;

export function createApplicationService(parts: ServiceParts): ApplicationServiceServer {
  const { calls: host } = parts;
  return {
    publishApplication: unary(host, "manage", async ({ source, file }) => {
      const parsed = readSource(parts, source, file);
      if (!parsed.ok) {
        const first = parsed.diagnostics[0];
        const place = first === undefined ? file : `${first.file}:${first.line}:${first.column}`;
        const more = parsed.diagnostics.length - 1;
        throw new MeshError("APPLICATION_INVALID", {
          subject: place,
          detail: `${first?.message ?? "not valid"}${more > 0 ? ` (and ${more} more)` : ""}`,
        });
      }
      const { application } = parsed;
      const answer = await parts.driver.request((request) => ({
        type: "publish",
        request,
        application,
      }));
      if (answer.kind !== "done") throw refusalOf(answer, application.id);
      return { application: infoOf(application) };
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
        .map(([, application]) => infoOf(application)),
    })),
  };
}

function readSource({ calendars }: ServiceParts, source: string, file: string) {
  if (source.length > sourceCharsMax) {
    throw new MeshError("PAYLOAD_TOO_LARGE", {
      subject: file,
      detail: `a definition has at most ${sourceCharsMax} characters`,
    });
  }
  return parseApplication(source, { file: file === "" ? "application.yaml" : file, calendars });
}

function infoOf(application: Application): ApplicationInfo {
  const { id, version, hash, title } = application;
  return { id, version, hash, title: protoTitle(title) };
}

const nodeStates = ["joining", "online", "suspect", "offline", "draining", "retired"];

function protoNode(record: NodeRecord): ProtoNodeRecord {
  return ProtoNodeRecord.fromPartial({
    description: protoDescription(record.description),
    state: nodeStates.indexOf(record.state) + 1,
    epoch: record.epoch,
    changedAtMs: record.changedAtMs,
  });
}

/** The hub itself is a node too. */
function ownRecord(parts: ServiceParts): NodeRecord {
  return {
    description: parts.description,
    state: parts.kernel.state.draining ? "draining" : "online",
    epoch: parts.kernel.state.epoch,
    changedAtMs: parts.startedAtMs,
  };
}

const nodePageDefault = 100;
const nodePageMax = 1_000;

export function createRegistryService(parts: ServiceParts): RegistryServiceServer {
  const { calls: host } = parts;
  return {
    listNodes: unary(host, "use", (request) => {
      const size = Math.min(
        request.pageSize === 0 ? nodePageDefault : request.pageSize,
        nodePageMax,
      );
      const records = [ownRecord(parts), ...parts.kernel.state.nodes.values()]
        .filter((record) => isWanted(record, request))
        .sort((a, b) => (a.description.address < b.description.address ? -1 : 1));
      const page = records.slice(0, size);
      const last = page.at(-1)?.description.address ?? "";
      return {
        nodes: page.map(protoNode),
        nextPageToken: records.length > size ? last : "",
      };
    }),
    getNode: unary(host, "use", ({ address: text }) => {
      const address = parseAddress(text);
      const known =
        address === parts.description.address
          ? ownRecord(parts)
          : parts.kernel.state.nodes.get(address);
      if (known === undefined) {
        throw new MeshError("NODE_UNKNOWN", {
          subject: text,
          detail: `no node ${text} is registered at ${parts.description.address}`,
        });
      }
      return { node: protoNode(known) };
    }),
  };
}

function isWanted(record: NodeRecord, request: ListNodesRequest): boolean {
  const { address, level, division, capabilities } = record.description;
  const { area, capability, pageToken, state } = request;
  return (
    address > pageToken &&
    (request.level === "" || level === request.level) &&
    (capability === "" || capabilities.includes(capability)) &&
    (state === 0 || nodeStates.indexOf(record.state) + 1 === state) &&
    (area === "" || (area.startsWith("/") ? isWithin(address, area) : division.startsWith(area)))
  );
}

export function createHubService(parts: ServiceParts): HubServiceServer {
  const { calls: host } = parts;
  return {
    getHubStatus: unary(host, "use", () => {
      const { kernel, journal, links, description } = parts;
      const { state } = kernel;
      let suspendedChains = 0;
      let liveChains = 0;
      for (const chain of state.chains.values()) {
        if (chain.state === "suspended") suspendedChains += 1;
        if (["running", "cancelling", "compensating", "suspended"].includes(chain.state))
          liveChains += 1;
      }
      let nodesOnline = 0;
      for (const node of state.nodes.values()) if (node.state === "online") nodesOnline += 1;
      const cpu = process.cpuUsage();
      return {
        address: description.address,
        title: protoTitle(description.title),
        epoch: state.epoch,
        state: state.draining ? "draining" : "serving",
        links: links.size,
        parentConnected: state.parent === undefined || kernel.isLinked(state.parent),
        nodes: state.nodes.size,
        nodesOnline,
        liveChains,
        suspendedChains,
        journalSeq: BigInt(journal.position().seq),
        commits: BigInt(journal.counters.commits),
        framesReceived: BigInt(links.counters.received),
        residentBytes: BigInt(process.memoryUsage.rss()),
        uptimeMs: Date.now() - parts.startedAtMs,
        cpuMs: (cpu.user + cpu.system) / 1000,
      };
    }),
    drainHub: unary(host, "manage", async () => {
      await parts.drain();
      return {};
    }),
  };
}
