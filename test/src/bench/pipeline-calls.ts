// Pipeline calls: the floor of W1. The same three processes, messages, bytes and synced commits as
// a chain needs, over grpc-js and LevelDB alone: no kernel, no codec, no checks, no recovery.
//
//   caller -> hub     one stream for all chains; what gathers during a write travels together
//   hub               commit 1; the caller's first answer and the batch for the agent leave
//   agent             commit; the batch of replies leaves
//   hub               commit 2; the caller's second answer leaves

import { join } from "node:path";
import { Level } from "level";
import type { CallTable } from "./bench-calls.ts";
import { runClosedLoop } from "./closed-loop.ts";
import { GatheringWriter, openRawServer, RawClient } from "./raw-grpc.ts";

/** What an instruction, a feedback and their facts have on the wire and in the journal, about. */
const instructionBytes = 120;
const feedbackBytes = 60;
const inputBytes = 4;
const resultBytes = 192;
const factBytes = 90;
const headerBytes = 8;

/** Rows that wait while a commit is under way go with the next one. */
class GroupedStore {
  private readonly database: Level<Uint8Array, Uint8Array>;
  private waiting: { readonly value: Uint8Array; readonly done: () => void }[] = [];
  private isWriting = false;
  private lastKey = 0;

  constructor(directory: string) {
    const encodings = { keyEncoding: "view", valueEncoding: "view" } as const;
    this.database = new Level<Uint8Array, Uint8Array>(directory, encodings);
  }

  put(value: Uint8Array, done: () => void): void {
    this.waiting.push({ value, done });
    if (!this.isWriting) this.flush();
  }

  private flush(): void {
    this.isWriting = true;
    setImmediate(() => {
      const group = this.waiting;
      this.waiting = [];
      const operations = group.map(({ value }) => {
        this.lastKey += 1;
        const key = Buffer.alloc(8);
        key.writeDoubleBE(this.lastKey);
        return { type: "put" as const, key, value };
      });
      this.database.batch(operations, { sync: true }).then(
        () => {
          this.isWriting = false;
          for (const { done } of group) done();
          if (this.waiting.length > 0 && !this.isWriting) this.flush();
        },
        (error: unknown) => {
          process.stderr.write(`${String(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
}

function makeRecord(chain: number, n: number, bytesEach: number): Buffer {
  const record = Buffer.alloc(headerBytes + n * bytesEach, 97);
  record.writeUInt32BE(chain, 0);
  record.writeUInt32BE(n, 4);
  return record;
}

function eachRecord(
  bytes: Buffer,
  bytesEach: number,
  visit: (chain: number, n: number) => void,
): void {
  for (let at = 0; at < bytes.length; ) {
    const n = bytes.readUInt32BE(at + 4);
    visit(bytes.readUInt32BE(at), n);
    at += headerBytes + n * bytesEach;
  }
}

let caller: GatheringWriter | undefined;
/** Chains that the caller waits for. */
const running = new Map<number, () => void>();

export const pipelineCalls: Pick<
  CallTable,
  "openFloorHub" | "openFloorAgent" | "openFloorClient" | "runFloor"
> = {
  openFloorHub: async ({ directory }) => {
    const store = new GroupedStore(join(directory, "floor"));
    const waiting = new Map<number, () => void>();
    let agent: GatheringWriter | undefined;
    const target = await openRawServer(directory, {
      runs: (call) => {
        const answers = new GatheringWriter(call);
        call.on("error", () => undefined);
        call.on("data", (bytes: Buffer) => {
          eachRecord(bytes, inputBytes, (chain, n) => {
            waiting.set(chain, () => answers.push(makeRecord(chain, 1, resultBytes)));
            store.put(Buffer.alloc(n * factBytes), () => {
              // Accepted: a header alone.
              answers.push(makeRecord(chain, 0, resultBytes));
              agent?.push(makeRecord(chain, n, instructionBytes));
            });
          });
        });
      },
      pipe: (call) => {
        agent = new GatheringWriter(call);
        call.on("error", () => undefined);
        call.on("data", (bytes: Buffer) => {
          eachRecord(bytes, feedbackBytes, (chain, n) => {
            store.put(Buffer.alloc(n * factBytes), () => {
              waiting.get(chain)?.();
              waiting.delete(chain);
            });
          });
        });
      },
    });
    return { target };
  },

  openFloorAgent: ({ directory, target }) => {
    const store = new GroupedStore(join(directory, "floor"));
    const call = new RawClient(directory, target).pipe();
    const writer = new GatheringWriter(call);
    call.on("error", () => undefined);
    call.on("data", (bytes: Buffer) => {
      eachRecord(bytes, instructionBytes, (chain, n) => {
        store.put(Buffer.alloc(n * factBytes), () => {
          writer.push(makeRecord(chain, n, feedbackBytes));
        });
      });
    });
    return {};
  },

  openFloorClient: ({ directory, target }) => {
    const call = new RawClient(directory, target).runs();
    caller = new GatheringWriter(call);
    call.on("error", () => undefined);
    call.on("data", (bytes: Buffer) => {
      eachRecord(bytes, resultBytes, (chain, n) => {
        if (n === 0) return;
        running.get(chain)?.();
        running.delete(chain);
      });
    });
    return {};
  },

  runFloor: async ({ n, ...loop }) => {
    return await runClosedLoop(loop, () => runOnce(n));
  },
};

let lastChain = 0;

function runOnce(n: number): Promise<void> {
  lastChain += 1;
  const chain = lastChain;
  return new Promise((resolve) => {
    running.set(chain, resolve);
    caller?.push(makeRecord(chain, n, inputBytes));
  });
}
