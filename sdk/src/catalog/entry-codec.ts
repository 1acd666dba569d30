// Entry codec: catalog entries as cloudbrain.v1.CatalogEntry, and back.
//
//   E4  An owner encodes its entry once; every hub keeps and passes on those bytes, so that what a
//       later version adds to them survives older hubs.
//   E5  Reading refuses with RESOURCE_INVALID, whatever the bytes are.

import { CatalogEntry as ProtoEntry } from "@cloudbrain/proto";
import { isMeshError, MeshError } from "../domain/index.ts";
import {
  type CatalogEntry,
  itemTypes,
  type OwnerStamp,
  type ResourceDescription,
  resourceKinds,
  resourceStates,
  sharingTypes,
  updateCycles,
} from "./entry.ts";
import { assertSize, assertSound, type EntryProblem, refuseProblems } from "./entry-checks.ts";

/** The message of an entry; a description has no stamp. */
export function protoEntry(entry: ResourceDescription & Partial<OwnerStamp>): ProtoEntry {
  return ProtoEntry.fromPartial({
    ...entry,
    kind: resourceKinds.indexOf(entry.kind) + 1,
    name: { zh: entry.name.zh, en: entry.name.en ?? "" },
    items: entry.items.map((item) => ({ ...item })),
    sharing: sharingTypes.indexOf(entry.sharing) + 1,
    updateCycle: updateCycles.indexOf(entry.updateCycle) + 1,
    relatedCodes: [...entry.relatedCodes],
    endpoints: entry.endpoints.map((endpoint) => ({ ...endpoint })),
    state: resourceStates.indexOf(entry.state) + 1,
    infrastructure: protoInfrastructure(entry),
    data: protoData(entry),
    component: protoComponent(entry),
  });
}

function protoInfrastructure({ infrastructure }: ResourceDescription) {
  if (infrastructure === undefined) return undefined;
  return { units: [...infrastructure.units], cameras: [...infrastructure.cameras] };
}

function protoData({ data }: ResourceDescription) {
  if (data === undefined) return undefined;
  return {
    tables: data.tables.map(({ name, rows }) => ({ name, rows: BigInt(rows) })),
    files: data.files.map((file) => ({ ...file, bytes: BigInt(file.bytes) })),
  };
}

function protoComponent({ component }: ResourceDescription) {
  if (component === undefined) return undefined;
  return { healthUrl: component.healthUrl, methods: [...component.methods] };
}

/** Refuses with PAYLOAD_TOO_LARGE. */
export function encodeEntry(entry: CatalogEntry): Uint8Array {
  const bytes = ProtoEntry.encode(protoEntry(entry)).finish();
  assertSize(entry.code, bytes);
  return bytes;
}

/** Whose the entry is must be known: what it may say depends on it. */
export function parseEntry(bytes: Uint8Array, owner: string): CatalogEntry {
  assertSize("entry", bytes);
  try {
    return readEntry(ProtoEntry.decode(bytes), owner);
  } catch (cause) {
    if (isMeshError(cause)) throw cause;
    const detail = "the bytes hold no entry";
    throw new MeshError("RESOURCE_INVALID", { subject: owner, detail, cause });
  }
}

/** Refuses with RESOURCE_INVALID. */
export function readEntry(message: ProtoEntry, owner: string): CatalogEntry {
  return assertSound(entryOf(message), owner);
}

/** Bytes of our own store: they were checked before they were kept. */
export function decodeKeptEntry(bytes: Uint8Array): CatalogEntry {
  return entryOf(ProtoEntry.decode(bytes));
}

/** The value of a message; refuses with RESOURCE_INVALID what no value of ours can say. */
export function entryOf(message: ProtoEntry): CatalogEntry {
  const problems: EntryProblem[] = [];
  const choice = <Choice>(path: string, choices: readonly Choice[], number: number): Choice => {
    const chosen = choices[number - 1];
    if (chosen === undefined) {
      problems.push({ path, reason: `${number} is none of ${choices.join(", ")}` });
    }
    return chosen ?? (choices[0] as Choice);
  };
  const { code, provider, name } = message;
  const entry: CatalogEntry = {
    code,
    kind: choice("kind", resourceKinds, message.kind),
    name: { zh: name?.zh ?? "", ...(name?.en ? { en: name.en } : {}) },
    provider: { name: provider?.name ?? "", code: provider?.code ?? "" },
    abstract: message.abstract,
    format: message.format,
    items: message.items.map((item, index) => ({
      name: item.name,
      type: choice(`items[${index}].type`, itemTypes, nameNumber(itemTypes, item.type)),
      length: item.length,
      sensitive: item.sensitive,
    })),
    sharing: choice("sharing", sharingTypes, message.sharing),
    sharingConditions: message.sharingConditions,
    sharingWay: message.sharingWay,
    open: message.open,
    opennessConditions: message.opennessConditions,
    updateCycle: choice("updateCycle", updateCycles, message.updateCycle),
    publishedOn: message.publishedOn,
    relatedCodes: message.relatedCodes,
    visibleUpTo: message.visibleUpTo,
    endpoints: message.endpoints.map(({ protocol, address }) => ({ protocol, address })),
    version: message.version,
    state: choice("state", resourceStates, message.state),
    ...detailsOf(message),
    level: stampWord(message.level),
    division: stampWord(message.division),
    industry: stampWord(message.industry),
    region: stampWord(message.region),
    changedAtMs: message.changedAtMs,
  };
  if (problems.length > 0) refuseProblems(code, problems);
  return entry;
}

function nameNumber(names: readonly string[], name: string): number {
  return names.indexOf(name) + 1;
}

/** What a node says of itself elsewhere is bounded there in the same way. */
function stampWord(word: string): string {
  return word.slice(0, 100);
}

function detailsOf({ infrastructure, data, component, application }: ProtoEntry) {
  return {
    ...(infrastructure === undefined
      ? {}
      : {
          infrastructure: {
            units: infrastructure.units.map(({ type, model, count }) => ({ type, model, count })),
            cameras: infrastructure.cameras.map(({ id, name, longitude, latitude }) => ({
              id,
              name,
              longitude,
              latitude,
            })),
          },
        }),
    ...(data === undefined
      ? {}
      : {
          data: {
            tables: data.tables.map(({ name, rows }) => ({ name, rows: Number(rows) })),
            files: data.files.map(({ name, bytes, sha256 }) => ({
              name,
              bytes: Number(bytes),
              sha256,
            })),
          },
        }),
    ...(component === undefined
      ? {}
      : {
          component: {
            healthUrl: component.healthUrl,
            methods: component.methods.map(({ name, inputSchema, outputSchema }) => ({
              name,
              inputSchema,
              outputSchema,
            })),
          },
        }),
    ...(application === undefined
      ? {}
      : { application: { entryUrl: application.entryUrl, version: application.version } }),
  };
}
