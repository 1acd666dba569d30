// RegistryService, HubService: what is registered, and how the hub goes.

import {
  type HubServiceServer,
  type ListNodesRequest,
  NodeRecord as ProtoNodeRecord,
  type RegistryServiceServer,
} from "@cloudbrain/proto";
import { protoDescription, protoTitle } from "@cloudbrain/sdk/codec";
import { isWithin, MeshError, type NodeRecord, parseAddress } from "@cloudbrain/sdk/domain";
import { unary } from "./calls.ts";
import type { ServiceParts } from "./services.ts";

export const nodeStates = ["joining", "online", "suspect", "offline", "draining", "retired"];

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
        uptimeMs: performance.now() - parts.startedAtMs,
        cpuMs: (cpu.user + cpu.system) / 1000,
      };
    }),
    drainHub: unary(host, "manage", async () => {
      await parts.drain();
      return {};
    }),
  };
}
