export { Catalog, type CatalogOptions, type LogPart, loadCatalog } from "./catalog.ts";
export {
  type CatalogMeta,
  type ChildProgress,
  encodeMeta,
  entryText,
  metaKey,
  nameOf,
} from "./catalog-rows.ts";
export { type AppliedChange, CatalogTransaction } from "./catalog-transaction.ts";
export { CatalogDownlink, type DownlinkOptions } from "./downlink.ts";
export * from "./entry.ts";
export {
  assertSound,
  type EntryProblem,
  entryBounds,
  findProblems,
  refuseProblems,
} from "./entry-checks.ts";
export {
  decodeKeptEntry,
  encodeEntry,
  entryOf,
  parseEntry,
  protoEntry,
  readEntry,
} from "./entry-codec.ts";
export {
  type Announcement,
  type CatalogRow,
  compareVersions,
  dropRoute,
  type Merged,
  mergeTombstone,
  mergeUpsert,
  type Route,
} from "./merge.ts";
export { newMeta, type OpenedCatalog, openCatalog, renewCatalog } from "./open-catalog.ts";
export { etagOf, isVisibleAt, type KeptEntry, OwnEntries, type OwnStamp } from "./own-entries.ts";
export {
  type Classification,
  classificationOf,
  creditCheckCharacter,
  isCreditCode,
  isResourceCode,
} from "./resource-code.ts";
export { CatalogUplink, type UplinkOptions } from "./uplink.ts";
