export {
  type Anchor,
  type AnchorPosition,
  type AnchorReading,
  initAnchor,
  openAnchor,
} from "./anchor.ts";
export { decodeCheckedValue, encodeCheckedValue } from "./checked-value.ts";
export { crc32c, maskCrc32c, unmaskCrc32c } from "./crc32c.ts";
export {
  type InitLevelStoreOptions,
  initLevelStore,
  type LevelStoreOptions,
  type OpenLevelStoreOptions,
  openLevelStore,
} from "./level-store.ts";
export { type LevelVerification, verifyLevelDirectory } from "./leveldb-verification.ts";
export { MemoryDisk, openMemoryStore } from "./memory-store.ts";
export type { Store, StoreOperation, StoreRange, StoreRow } from "./store.ts";
