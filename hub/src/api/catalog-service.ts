// CatalogService: the directory of the hub: read by who may use the hub, written by its operator.

import type {
  CatalogServiceServer,
  ListEntriesRequest,
  ListEntriesResponse,
  CatalogEntry as ProtoEntry,
  SearchEntriesRequest,
} from "@cloudbrain/proto";
import {
  type CatalogRow,
  decodeKeptEntry,
  entryOf,
  entryText,
  type KeptEntry,
  nameOf,
  type ResourceDescription,
} from "@cloudbrain/sdk/catalog";
import { type Address, isWithin, MeshError, parseAddress } from "@cloudbrain/sdk/domain";
import { suggestWords } from "../catalog/did-you-mean.ts";
import { search } from "../catalog/search-query.ts";
import { isAllowed } from "./callers.ts";
import { type CallContext, unary } from "./calls.ts";
import {
  parseKind,
  parseSearch,
  parseState,
  protoRecord,
  protoSearch,
  readPageSize,
} from "./catalog-messages.ts";
import type { ServiceParts } from "./services.ts";

const listPageDefault = 50;
/** Rows that one page of a list looks at; a filter that fits nothing must not read everything. */
const listScanMax = 10_000;

export function createCatalogService(parts: ServiceParts): CatalogServiceServer {
  const { calls: host, catalog, description } = parts;
  const self = description.address;
  const recordOf = (row: CatalogRow) => protoRecord(row, staleSince(parts, row.owner));
  const kept = async (work: Promise<KeptEntry>) => ({ record: recordOf((await work).row) });
  return {
    publishEntry: unary(host, "manage", ({ entry }) => kept(catalog.own.publish(written(entry)))),
    updateEntry: unary(host, "manage", ({ entry, etag }) =>
      kept(catalog.own.update(written(entry), etag)),
    ),
    suspendEntry: unary(host, "manage", ({ code, etag }) =>
      kept(catalog.own.setState(code, "suspended", etag)),
    ),
    withdrawEntry: unary(host, "manage", async ({ code, etag }) => {
      await catalog.own.withdraw(code, etag);
      return {};
    }),
    getEntry: unary(host, "use", async ({ code, owner }, { caller }) => {
      const found = await find(parts, code, owner);
      const row = found.filter((it) => isShown(it, caller, self));
      if (row.length === 0) {
        const detail = `no entry ${code.slice(0, 40)} is in the directory of ${self}`;
        throw new MeshError("RESOURCE_UNKNOWN", { subject: code.slice(0, 40), detail });
      }
      const [first] = row;
      if (first === undefined || row.length > 1) {
        const owners = row.map((it) => it.owner).join(", ");
        const detail = `several nodes use this code, name the owner: ${owners}`;
        throw new MeshError("INPUT_INVALID", { subject: "owner", detail });
      }
      return { record: recordOf(first) };
    }),
    listEntries: unary(host, "use", (request, context) => list(parts, request, context)),
    searchEntries: unary(host, "use", (request) => searchDirectory(parts, request)),
    getDirectoryStatus: unary(host, "use", () => statusOf(parts)),
  };
}

/** Refuses with RESOURCE_INVALID; what the node adds is not the caller's to say. */
function written(message: ProtoEntry | undefined): ResourceDescription {
  if (message === undefined) {
    throw new MeshError("RESOURCE_INVALID", { subject: "entry", detail: "it is missing" });
  }
  const { level, division, industry, region, changedAtMs, ...rest } = entryOf(message);
  return rest;
}

/** Drafts are the operator's alone. */
function isShown(row: CatalogRow, caller: Address, self: Address): boolean {
  if (row.entry === undefined) return false;
  return isAllowed(caller, self, "manage") || decodeKeptEntry(row.entry).state !== "draft";
}

async function find(
  { catalog }: ServiceParts,
  code: string,
  owner: string,
): Promise<readonly CatalogRow[]> {
  if (owner !== "") {
    const row = await catalog.catalog.row({ owner: parseAddress(owner), code });
    return row?.entry === undefined ? [] : [row];
  }
  const rows: CatalogRow[] = [];
  if (code.includes("\0")) return rows;
  for await (const row of catalog.catalog.rows({ codePrefix: `${code}\0` })) {
    if (row.entry !== undefined) rows.push(row);
  }
  return rows;
}

/**
 * Since when nothing new can come from `owner`: the node of the longest absence on the way to it.
 * A hub's registry says so; no entry is touched when a child is lost.
 */
function staleSince({ kernel, description }: ServiceParts, owner: string): number | undefined {
  let since: number | undefined;
  const self = description.address;
  for (let end = owner.length; end > self.length; end = owner.lastIndexOf("/", end - 1)) {
    const node = kernel.state.nodes.get(owner.slice(0, end) as Address);
    if (node === undefined || (node.state !== "offline" && node.state !== "retired")) continue;
    since = Math.min(since ?? node.changedAtMs, node.changedAtMs);
  }
  return since;
}

async function list(
  parts: ServiceParts,
  request: ListEntriesRequest,
  { caller }: CallContext,
): Promise<ListEntriesResponse> {
  const { catalog, description } = parts;
  const size = readPageSize(request.pageSize, listPageDefault);
  const kind = parseKind(request.kind);
  const state = parseState(request.state);
  const { codePrefix, area, pageToken } = request;
  const records = [];
  let scanned = 0;
  const after = pageToken === "" ? {} : { after: nameToken(pageToken) };
  for await (const row of catalog.catalog.rows({
    codePrefix: codePrefix.replaceAll("\0", ""),
    ...after,
  })) {
    scanned += 1;
    if (row.entry !== undefined && (area === "" || isWithin(row.owner, area))) {
      const entry = decodeKeptEntry(row.entry);
      const isWanted =
        (kind ?? entry.kind) === entry.kind && (state ?? entry.state) === entry.state;
      if (isWanted && isShown(row, caller, description.address)) {
        records.push(protoRecord(row, staleSince(parts, row.owner)));
      }
    }
    if (records.length >= size || scanned >= listScanMax) {
      const nextPageToken = Buffer.from(entryText(row)).toString("base64url");
      return { records, nextPageToken };
    }
  }
  return { records, nextPageToken: "" };
}

function nameToken(token: string): string {
  const text = Buffer.from(token, "base64url").toString("utf8");
  if (text.includes("\0")) return text;
  const detail = "it is not the token of a page";
  throw new MeshError("INPUT_INVALID", { subject: "page_token", detail });
}

async function searchDirectory(parts: ServiceParts, request: SearchEntriesRequest) {
  const { catalog } = parts;
  if (!catalog.isReady) {
    const detail = "the index of the directory is being made";
    throw new MeshError("HUB_BUSY", { subject: "search", detail, retryAfterMs: 1_000 });
  }
  const query = parseSearch(request);
  const result = search(catalog.index, query);
  const records = [];
  for (const name of result.names) {
    // It may be gone since: then the page is one short.
    const row = await catalog.catalog.row(nameOf(name));
    if (row?.entry !== undefined) records.push(protoRecord(row, staleSince(parts, row.owner)));
  }
  const isInVain = result.total === 0 && query.pageToken === "";
  const didYouMean = isInVain ? suggestWords(catalog.index.lists, query.words) : "";
  return protoSearch(result, records, didYouMean);
}

function statusOf({ catalog }: ServiceParts) {
  const { meta, children } = catalog.catalog;
  const counts = catalog.index.ownerCounts();
  const below = (child: string): number => {
    let entries = 0;
    for (const [owner, count] of counts) if (isWithin(owner, child)) entries += count;
    return entries;
  };
  return {
    entries: meta.entries,
    ownEntries: meta.ownEntries,
    tombstones: meta.tombstones,
    logId: meta.logId,
    rev: BigInt(meta.head),
    ackedRev: BigInt(catalog.ackedRev),
    children: [...children].map(([child, progress]) => ({
      child,
      entries: below(child),
      logId: progress.logId,
      appliedRev: BigInt(progress.appliedRev),
      linked: catalog.isLinked(child as Address),
    })),
    words: catalog.index.lists.size,
    refused: catalog.refused,
    ready: catalog.isReady,
  };
}
