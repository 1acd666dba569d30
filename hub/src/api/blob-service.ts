// BlobService: attachments are taken and given.

import type {
  BlobHeader,
  BlobInfo,
  BlobServiceServer,
  PutBlobRequest,
  ServeBlobsRequest,
} from "@cloudbrain/proto";
import {
  type Address,
  type BlobRef,
  childTowards,
  limits,
  MeshError,
} from "@cloudbrain/sdk/domain";
import type { BlobRecord } from "../blobs/blob-record.ts";
import type { NewBlob } from "../blobs/blob-store.ts";
import { parseBlobRef, readableBlob } from "./blob-access.ts";
import { type CallContext, clientStream, duplex, serverStream, unary } from "./calls.ts";
import type { ServiceParts } from "./services.ts";
import { whoOf } from "./who-of.ts";

export function createBlobService(parts: ServiceParts): BlobServiceServer {
  const { calls: host } = parts;
  const transfers = new Transfers();
  return {
    putBlob: clientStream(host, "use", (requests, context) =>
      transfers.during(() => put(parts, requests, context)),
    ),
    getBlob: serverStream(
      host,
      "use",
      async function* ({ ref: text, offset, referrer }, context) {
        const ref = parseBlobRef(text);
        const record = await readableBlob(parts, context, ref, referrer);
        if (offset > BigInt(record.size)) {
          const detail = `it is beyond the ${record.size} bytes of the attachment`;
          throw new MeshError("INPUT_INVALID", { subject: "offset", detail });
        }
        const leave = transfers.enter();
        try {
          // The first chunk comes once all of it is known to be whole.
          let isFirst = true;
          for await (const value of parts.blobs.store.read(ref, Number(offset))) {
            if (isFirst) yield { part: { $case: "blob" as const, value: infoOf(record) } };
            isFirst = false;
            yield { part: { $case: "chunk" as const, value } };
          }
          if (isFirst) yield { part: { $case: "blob" as const, value: infoOf(record) } };
        } finally {
          leave();
        }
      },
      { silenceMs: limits.blobSilenceMs },
    ),
    statBlob: unary(host, "use", async ({ ref, referrer }, context) => ({
      blob: infoOf(await readableBlob(parts, context, parseBlobRef(ref), referrer)),
    })),
    serveBlobs: duplex(host, "use", (context, outbound) => {
      const { exchange } = parts.blobs;
      const child = hubBelow(parts, context);
      const below = {
        ask: (ref: BlobRef): void => outbound.write({ ref }, () => undefined),
      };
      exchange.opened(child, below);
      return {
        take: ({ absent }: ServeBlobsRequest) => {
          if (absent !== "") exchange.noteAbsent(child, parseBlobRef(absent));
        },
        finished: () => outbound.end(),
        ended: () => exchange.closed(child, below),
      };
    }),
  };
}

async function put(
  parts: ServiceParts,
  requests: AsyncIterable<PutBlobRequest>,
  context: CallContext,
) {
  const { store, exchange } = parts.blobs;
  if (context.user?.roles.includes("readOnly") === true) {
    const detail = `${context.user.account} only reads`;
    throw new MeshError("NOT_ALLOWED", { subject: context.user.account, detail });
  }
  const messages = withoutSilence(requests)[Symbol.asyncIterator]();
  const first = await messages.next();
  const part = first.done === true ? undefined : first.value.part;
  if (part?.$case !== "header") {
    throw new MeshError("INPUT_INVALID", { subject: "header", detail: "it has to come first" });
  }
  const blob = parseHeader(part.value, whoOf(context));
  const isCopy = blob.ref !== undefined && exchange.isAsked(context.caller, blob.ref);
  const uploader = isCopy ? "" : blob.uploader;
  const stored = await store.put(
    { ...blob, uploader },
    chunksOf({ [Symbol.asyncIterator]: () => messages }),
  );
  exchange.arrived(stored.record.ref);
  return { blob: infoOf(stored.record), existed: stored.existed };
}

function parseHeader({ size, mediaType, fileName, ref }: BlobHeader, uploader: string): NewBlob {
  bounded("media_type", mediaType, limits.blobMediaTypeCharsMax);
  bounded("file_name", fileName, limits.blobFileNameCharsMax);
  if (/[/\\]/.test(fileName)) {
    const detail = "it is a name without a path";
    throw new MeshError("INPUT_INVALID", { subject: "file_name", detail });
  }
  const wanted = ref === "" ? undefined : parseBlobRef(ref);
  return { size: Number(size), mediaType, fileName, ref: wanted, uploader };
}

function bounded(subject: string, text: string, charsMax: number): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (text.length <= charsMax && !/[\u0000-\u001f\u007f]/.test(text)) return;
  const detail = `it has at most ${charsMax} characters, none of them a control character`;
  throw new MeshError("INPUT_INVALID", { subject, detail });
}

async function* chunksOf(messages: AsyncIterable<PutBlobRequest>): AsyncGenerator<Uint8Array> {
  for await (const { part } of messages) {
    if (part?.$case !== "chunk") {
      throw new MeshError("INPUT_INVALID", { subject: "chunk", detail: "chunks follow a header" });
    }
    if (part.value.length > limits.blobChunkBytesMax) {
      const detail = `a chunk has at most ${limits.blobChunkBytesMax} bytes`;
      throw new MeshError("PAYLOAD_TOO_LARGE", { subject: "chunk", detail });
    }
    yield part.value;
  }
}

/** Ends a transfer whose sender says nothing more, and which would hold its place for ever. */
async function* withoutSilence<Message>(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
  const iterator = messages[Symbol.asyncIterator]();
  for (;;) {
    const next = await soon(iterator.next());
    if (next.done === true) return;
    yield next.value;
  }
}

async function soon<Value>(promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    const detail = `nothing has come for ${limits.blobSilenceMs} ms`;
    const late = (): void => reject(new MeshError("TIMEOUT", { detail }));
    timer = setTimeout(late, limits.blobSilenceMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** Refuses who is no hub directly below this one. */
function hubBelow({ kernel, description }: ServiceParts, { caller }: CallContext): Address {
  const { address } = description;
  const isHub = kernel.state.nodes.get(caller)?.description.hub === true;
  if (isHub && childTowards(address, caller) === caller) return caller;
  const detail = `only hubs directly below ${address} are asked for attachments`;
  throw new MeshError("NOT_ALLOWED", { subject: caller, detail });
}

function infoOf({ ref, size, mediaType, fileName, storedAtMs }: BlobRecord): BlobInfo {
  return { ref, size: BigInt(size), mediaType, fileName, storeTime: new Date(storedAtMs) };
}

/** Transfers under way: each holds a file open. */
class Transfers {
  private running = 0;

  /** Returns what ends it; refuses with HUB_BUSY. */
  enter(): () => void {
    if (this.running >= limits.blobTransfersMax) {
      const detail = `${limits.blobTransfersMax} transfers are under way`;
      throw new MeshError("HUB_BUSY", { detail, retryAfterMs: 1_000 });
    }
    this.running += 1;
    return () => {
      this.running -= 1;
    };
  }

  async during<Result>(transfer: () => Promise<Result>): Promise<Result> {
    const leave = this.enter();
    try {
      return await transfer();
    } finally {
      leave();
    }
  }
}
