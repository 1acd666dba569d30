// Catalog records and searches as messages of cloudbrain.v1.

import {
  CatalogRecord as ProtoRecord,
  type SearchEntriesRequest,
  type SearchEntriesResponse,
} from "@cloudbrain/proto";
import {
  type CatalogRow,
  decodeKeptEntry,
  etagOf,
  protoEntry,
  resourceKinds,
  resourceStates,
} from "@cloudbrain/sdk/catalog";
import { limits, MeshError } from "@cloudbrain/sdk/domain";
import { type FacetName, facetNames } from "../catalog/search-index.ts";
import { type SearchQuery, type SearchResult, searchOrders } from "../catalog/search-query.ts";

const searchPageDefault = 20;
const facetValuesMax = 50;
const searchCharsMax = 500;

/** `staleSinceMs`: since when nothing new can come from the owner. */
export function protoRecord(row: CatalogRow, staleSinceMs: number | undefined): ProtoRecord {
  const entry = row.entry === undefined ? undefined : protoEntry(decodeKeptEntry(row.entry));
  return ProtoRecord.fromPartial({
    entry,
    owner: row.owner,
    etag: etagOf(row),
    via: row.routes[0]?.child ?? "",
    updateTime: new Date(row.learntAtMs),
    staleSince: staleSinceMs === undefined ? undefined : new Date(staleSinceMs),
  });
}

/** Undefined for any; refuses with INPUT_INVALID a number that this version does not know. */
function readChoice<Choice extends string>(
  field: string,
  choices: readonly Choice[],
  number: number,
): Choice | undefined {
  const choice = choices[number - 1];
  if (number === 0 || choice !== undefined) return choice;
  throw new MeshError("INPUT_INVALID", { subject: field, detail: `${number} is not known` });
}

export const parseKind = (number: number) => readChoice("kind", resourceKinds, number);
export const parseState = (number: number) => readChoice("state", resourceStates, number);

export function readPageSize(pageSize: number, defaultSize: number): number {
  return Math.min(pageSize === 0 ? defaultSize : pageSize, limits.catalogPageMax);
}

/** Refuses with INPUT_INVALID. */
export function parseSearch(request: SearchEntriesRequest): SearchQuery {
  const facets = new Map<FacetName, readonly string[]>();
  for (const { facet, values } of request.facets) {
    const name = facetNames.find((known) => known === facet);
    if (name === undefined) {
      const detail = `"${facet.slice(0, 40)}" is none of ${facetNames.join(", ")}`;
      throw new MeshError("INPUT_INVALID", { subject: "facets", detail });
    }
    if (values.length > facetValuesMax) {
      const detail = `${name} has more than ${facetValuesMax} values`;
      throw new MeshError("INPUT_INVALID", { subject: "facets", detail });
    }
    facets.set(name, values);
  }
  if (request.words.length > searchCharsMax) {
    const detail = `more than ${searchCharsMax} characters`;
    throw new MeshError("INPUT_INVALID", { subject: "words", detail });
  }
  return {
    words: request.words,
    facets,
    area: request.area,
    order: readChoice("order", searchOrders, request.order) ?? "relevance",
    pageSize: readPageSize(request.pageSize, searchPageDefault),
    pageToken: request.pageToken,
    withFacets: !request.withoutFacets,
  };
}

export function protoSearch(
  { total, facets, nextPageToken }: SearchResult,
  records: ProtoRecord[],
  didYouMean: string,
): SearchEntriesResponse {
  return { records, total, facets: [...facets], nextPageToken, didYouMean };
}
