// Resources: the directory of a hub over the connection of a client.

import {
  type CatalogServiceClient,
  SearchOrder as ProtoOrder,
  type CatalogRecord as ProtoRecord,
} from "@cloudbrain/proto";
import {
  type CatalogEntry,
  entryOf,
  protoEntry,
  type ResourceDescription,
  type ResourceKind,
  type ResourceState,
  resourceKinds,
  resourceStates,
} from "../catalog/index.ts";
import { MeshError } from "../domain/index.ts";
import { type CallBounds, type CallHost, callUnary } from "./calls.ts";

/** An entry in the directory of a hub. Times are ms since 1970, 0 for never. */
export interface ResourceInfo {
  readonly entry: CatalogEntry;
  /** Address of the node whose entry it is. */
  readonly owner: string;
  /** Names this version of the entry to `update`, `suspend` and `withdraw`. */
  readonly etag: string;
  /** The child over which it came; empty for the hub's own. */
  readonly via: string;
  /** When the hub learnt of this version. */
  readonly updatedAtMs: number;
  /** Since when nothing new can come, because a node on the way is not connected. */
  readonly staleSinceMs: number;
}

/** Everything that is given has to hold. */
export interface ResourceFilter {
  /** Beginning of the code, such as a classification. */
  readonly codePrefix?: string | undefined;
  /** Owners at or below this address. */
  readonly area?: string | undefined;
  readonly kind?: ResourceKind | undefined;
  readonly state?: ResourceState | undefined;
}

export type ResourceFacet =
  | "kind"
  | "industry"
  | "region"
  | "level"
  | "sharing"
  | "provider"
  | "cycle"
  | "state";

export interface ResourceSearch extends CallBounds {
  /** Any of the values of a facet will do. */
  readonly facets?: Readonly<Partial<Record<ResourceFacet, readonly string[]>>> | undefined;
  /** Owners at or below this address. */
  readonly area?: string | undefined;
  /** Default: relevance. */
  readonly order?: "relevance" | "name" | "published" | undefined;
  /** At most 200; 20 when left out. */
  readonly pageSize?: number | undefined;
  /** `nextPage` of the page before. */
  readonly page?: string | undefined;
}

export interface ResourcePage {
  readonly hits: readonly ResourceInfo[];
  /** All hits, not only those of this page. */
  readonly total: number;
  /** The most frequent values of each facet among all hits. */
  readonly facets: readonly {
    readonly facet: ResourceFacet;
    readonly value: string;
    readonly count: number;
  }[];
  /** For `page`; empty on the last one. */
  readonly nextPage: string;
  /** The words as they may have been meant, when nothing was found; otherwise empty. */
  readonly didYouMean: string;
}

export interface DirectoryInfo {
  readonly entries: number;
  readonly ownEntries: number;
  readonly tombstones: number;
  /** Revisions of the hub's own log: its last one, and how far the hub above has it. */
  readonly rev: number;
  readonly ackedRev: number;
  readonly children: readonly {
    readonly child: string;
    readonly entries: number;
    readonly appliedRev: number;
    readonly linked: boolean;
  }[];
  readonly refused: number;
  /** Searches are answered. */
  readonly ready: boolean;
}

/**
 * Reading is for who may use the hub; writing is for its operator and makes the hub's own entries.
 */
export interface ResourceCalls {
  /** RESOURCE_INVALID, RESOURCE_EXISTS, RESOURCE_CODE_TAKEN. */
  publish(resource: ResourceDescription, bounds?: CallBounds): Promise<ResourceInfo>;
  /** Replaces the whole entry. REVISION_CONFLICT; an empty etag is not compared. */
  update(resource: ResourceDescription, etag: string, bounds?: CallBounds): Promise<ResourceInfo>;
  /** It stays in the directories and says that it can't be used now. RESOURCE_UNKNOWN. */
  suspend(code: string, etag?: string, bounds?: CallBounds): Promise<ResourceInfo>;
  /** Takes it out of all directories. RESOURCE_UNKNOWN. */
  withdraw(code: string, etag?: string, bounds?: CallBounds): Promise<void>;
  /** RESOURCE_UNKNOWN; INPUT_INVALID where several nodes use the code and no owner is named. */
  get(code: string, owner?: string, bounds?: CallBounds): Promise<ResourceInfo>;
  /** By code; pages are fetched as the loop goes on. */
  list(filter?: ResourceFilter, bounds?: CallBounds): AsyncIterable<ResourceInfo>;
  /** One page of hits. HUB_BUSY while the hub makes its index. */
  search(words: string, options?: ResourceSearch): Promise<ResourcePage>;
  directory(bounds?: CallBounds): Promise<DirectoryInfo>;
}

const entriesPerPage = 200;

export function createResourceCalls(host: CallHost, service: CatalogServiceClient): ResourceCalls {
  return {
    publish: async (resource, bounds = {}) => {
      const request = { entry: protoEntry(resource) };
      const { record } = await callUnary(host, service.publishEntry.bind(service), request, bounds);
      return readRecord(record);
    },
    update: async (resource, etag, bounds = {}) => {
      const request = { entry: protoEntry(resource), etag };
      const { record } = await callUnary(host, service.updateEntry.bind(service), request, bounds);
      return readRecord(record);
    },
    suspend: async (code, etag = "", bounds = {}) => {
      const method = service.suspendEntry.bind(service);
      const { record } = await callUnary(host, method, { code, etag }, bounds);
      return readRecord(record);
    },
    withdraw: async (code, etag = "", bounds = {}) => {
      await callUnary(host, service.withdrawEntry.bind(service), { code, etag }, bounds);
    },
    get: async (code, owner = "", bounds = {}) => {
      const method = service.getEntry.bind(service);
      const { record } = await callUnary(host, method, { code, owner }, bounds);
      return readRecord(record);
    },
    list: (filter = {}, bounds = {}) => listEntries(host, service, filter, bounds),
    search: (words, options = {}) => searchEntries(host, service, words, options),
    directory: async (bounds = {}) => {
      const method = service.getDirectoryStatus.bind(service);
      const {
        rev,
        ackedRev,
        children,
        logId: _log,
        words: _words,
        ...rest
      } = await callUnary(host, method, {}, bounds);
      return {
        ...rest,
        rev: Number(rev),
        ackedRev: Number(ackedRev),
        children: children.map(({ child, entries, appliedRev, linked }) => ({
          ...{ child, entries, appliedRev: Number(appliedRev), linked },
        })),
      };
    },
  };
}

async function* listEntries(
  host: CallHost,
  service: CatalogServiceClient,
  filter: ResourceFilter,
  bounds: CallBounds,
): AsyncGenerator<ResourceInfo> {
  const { codePrefix = "", area = "" } = filter;
  const kind = filter.kind === undefined ? 0 : resourceKinds.indexOf(filter.kind) + 1;
  const state = filter.state === undefined ? 0 : resourceStates.indexOf(filter.state) + 1;
  let pageToken = "";
  do {
    const request = { pageSize: entriesPerPage, pageToken, codePrefix, area, kind, state };
    const page = await callUnary(host, service.listEntries.bind(service), request, bounds);
    for (const record of page.records) yield readRecord(record);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

const orders = {
  relevance: ProtoOrder.SEARCH_ORDER_RELEVANCE,
  name: ProtoOrder.SEARCH_ORDER_NAME,
  published: ProtoOrder.SEARCH_ORDER_PUBLISHED,
} as const;

async function searchEntries(
  host: CallHost,
  service: CatalogServiceClient,
  words: string,
  options: ResourceSearch,
): Promise<ResourcePage> {
  const { area = "", order = "relevance", pageSize = 0, page = "" } = options;
  const facets = Object.entries(options.facets ?? {}).map(([facet, values]) => ({
    facet,
    values: [...values],
  }));
  const request = {
    ...{ words, facets, area, order: orders[order], pageSize, pageToken: page },
    withoutFacets: false,
  };
  const found = await callUnary(host, service.searchEntries.bind(service), request, options);
  return {
    hits: found.records.map(readRecord),
    total: found.total,
    // A facet that a newer hub has is passed on under its name.
    facets: found.facets.map(({ facet, value, count }) => ({
      ...{ facet: facet as ResourceFacet, value, count },
    })),
    nextPage: found.nextPageToken,
    didYouMean: found.didYouMean,
  };
}

function readRecord(record: ProtoRecord | undefined): ResourceInfo {
  if (record?.entry === undefined) throw new MeshError("DEFECT", { detail: "an empty answer" });
  const { entry, owner, etag, via, updateTime, staleSince } = record;
  return {
    ...{ entry: entryOf(entry), owner, etag, via },
    updatedAtMs: updateTime?.getTime() ?? 0,
    staleSinceMs: staleSince?.getTime() ?? 0,
  };
}
