export { Alarm, type CancelWake, type Clock, createClock, systemClock } from "./clock.ts";
export {
  type CommitPort,
  Journal,
  type JournalCounters,
  type JournalOptions,
} from "./journal.ts";
export {
  allRows,
  decodeJournalKey,
  decodeRowKey,
  journalKey,
  metaKey,
  prefixRange,
  rowKey,
  tableRange,
} from "./keys.ts";
export {
  initNodeStore,
  type NewNodeStore,
  type NodeJournal,
  type NodeJournalOptions,
  type OpenStore,
  openNodeJournal,
} from "./open-node-journal.ts";
export {
  decodeCbor,
  encodeCbor,
  equalBytes,
  genesisHash,
  type JournalRecord,
  type PackedRecord,
  packRecord,
  unpackRecord,
} from "./record.ts";
export {
  type AnchorPosition,
  decodeMeta,
  encodeMeta,
  type Meta,
  newMeta,
  type RecoveredPosition,
  Recovery,
  storeSchema,
} from "./recovery.ts";
