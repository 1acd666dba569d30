// Floor calls: what grpc-js and LevelDB can do here without us.

import { Level } from "level";
import type { CallTable } from "./bench-calls.ts";
import { openRawServer, RawClient } from "./raw-grpc.ts";

/** As in the measurements that the design of the store rests on. */
const valueBytes = 256;

let pipe: ReturnType<RawClient["pipe"]> | undefined;
let arrived: (count: number) => void = () => undefined;

export const floorCalls: Pick<
  CallTable,
  "openStreamSink" | "openStreamSource" | "sendMessages" | "syncBatches"
> = {
  openStreamSink: async ({ directory }) => {
    const target = await openRawServer(directory, {
      pipe: (call) => {
        let count = 0;
        call.on("error", () => undefined);
        call.on("data", () => {
          count += 1;
          // Tells the sender how far we are, as a link's acknowledgements do.
          if (count % tellEvery !== 0) return;
          const told = Buffer.alloc(4);
          told.writeUInt32BE(count);
          call.write(told);
        });
      },
    });
    return { target };
  },

  openStreamSource: ({ directory, target }) => {
    pipe = new RawClient(directory, target).pipe();
    pipe.on("error", () => undefined);
    pipe.on("data", (told: Buffer) => arrived(told.readUInt32BE(0)));
    return {};
  },

  sendMessages: ({ bytes, ms }) => sendMessages(bytes, ms),

  syncBatches: async ({ directory, rows, ms }) => {
    const encodings = { keyEncoding: "view", valueEncoding: "view" } as const;
    const database = new Level<Uint8Array, Uint8Array>(directory, encodings);
    const value = Buffer.alloc(valueBytes, 97);
    const startedMs = performance.now();
    let batches = 0;
    let lastKey = 0;
    while (performance.now() - startedMs < ms) {
      const operations = Array.from({ length: rows }, () => {
        lastKey += 1;
        const key = Buffer.alloc(8);
        key.writeDoubleBE(lastKey);
        return { type: "put" as const, key, value };
      });
      await database.batch(operations, { sync: true });
      batches += 1;
    }
    const tookMs = performance.now() - startedMs;
    await database.close();
    return { batches, ms: tookMs };
  },
};

const tellEvery = 8;
/** Messages on their way at most, as credits would have it. */
const ahead = 64;
let sent = 0;
let told = 0;

function sendMessages(bytes: number, ms: number): Promise<{ messages: number; ms: number }> {
  const message = Buffer.alloc(bytes, 97);
  const startedMs = performance.now();
  const first = told;
  let isOver = false;
  let isFull = false;
  const fill = (): void => {
    while (!isOver && !isFull && sent - told < ahead) {
      sent += 1;
      isFull = pipe?.write(message) === false;
    }
  };
  const drained = (): void => {
    isFull = false;
    fill();
  };
  pipe?.on("drain", drained);
  arrived = (count) => {
    told = count;
    fill();
  };
  fill();
  return new Promise((resolve) => {
    setTimeout(() => {
      isOver = true;
      pipe?.off("drain", drained);
      resolve({ messages: told - first, ms: performance.now() - startedMs });
    }, ms);
  });
}
