export { encodeBatch, parseBatch } from "./batch.ts";
export { parseDescription, protoDescription, protoTitle } from "./nodes.ts";
export { protoNeed } from "./registrations.ts";
export {
  decodeError,
  encodeError,
  errorInfoKey,
  errorInfoOf,
  meshErrorOf,
  statusOfCode,
} from "./status.ts";
