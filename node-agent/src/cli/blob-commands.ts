// `cloudbrain blob`: attachments (附件) are put, got and looked at.

import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { cleanText, type Output } from "@cloudbrain/sdk/cli";
import type { BlobDescription, BlobReferrer, Client } from "@cloudbrain/sdk/client";
import type { Command } from "commander";
import type { Bounds, CommandHost } from "./command-host.ts";
import { formatTime } from "./formats.ts";
import { addExamples } from "./help.ts";
import { findTask } from "./task-search.ts";
import type { Say } from "./texts.ts";
import { refuseUsage } from "./usage.ts";

interface PutFlags {
  readonly type?: string;
}

interface GetFlags extends BlobReferrer {
  readonly out?: string;
}

export function addBlobCommands(blob: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(blob.command("put"), "cloudbrain blob put 现场.jpg --type image/jpeg")
    .description(say("about.blob.put"))
    .argument("<file...>", say("argument.blob.file"))
    .option("--type <mediaType>", say("option.blob.type"))
    .action((files: readonly string[], { type }: PutFlags, command: Command) =>
      host.withClient(command, async (client, output, bounds) => {
        for (const file of files) await put(host, client, output, { file, type, ...bounds });
      }),
    );
  addReferrer(
    addExamples(
      blob.command("get"),
      "cloudbrain blob get sha256:9f86d0... --task 9W0XJ5 --out 现场.jpg",
    ),
    say,
  )
    .description(say("about.blob.get"))
    .option("--out <file>", say("option.blob.out"))
    .action((ref: string, flags: GetFlags, command: Command) =>
      host.withClient(command, (client, output, bounds) =>
        get(host, client, output, { ref, ...flags, ...bounds }),
      ),
    );
  addReferrer(
    addExamples(blob.command("stat"), "cloudbrain blob stat sha256:9f86d0... --chain 01JG8H4M"),
    say,
  )
    .description(say("about.blob.stat"))
    .action((ref: string, flags: BlobReferrer, command: Command) =>
      host.withClient(command, async (client, output, bounds) => {
        const referrer = await referrerOf(host, client, flags, bounds);
        const found = await client.blobs.stat(ref, { ...referrer, ...bounds });
        output.result(found, describe(found, say));
      }),
    );
}

function addReferrer(command: Command, say: Say): Command {
  return command
    .argument("<ref>", say("argument.blob.ref"))
    .option("--chain <chain>", say("option.blob.chain"))
    .option("--task <task>", say("option.blob.task"));
}

/** People type a part of a task's id. */
async function referrerOf(
  { say }: CommandHost,
  client: Client,
  { chain, task }: BlobReferrer,
  { signal }: Bounds,
): Promise<BlobReferrer> {
  if (task === undefined) return { chain };
  return { task: (await findTask(client, task, say, signal)).id };
}

async function put(
  { say }: CommandHost,
  client: Client,
  output: Output,
  { file, type, ...bounds }: Bounds & { readonly file: string; readonly type: string | undefined },
): Promise<void> {
  const size = sizeOf(say, file);
  const options = { size, mediaType: type, fileName: basename(file), ...bounds };
  const stored = await client.blobs.put(createReadStream(file), options);
  output.item(stored, stored.ref);
}

function sizeOf(say: Say, file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() === true) return found.size;
  return refuseUsage(file, say("blob.noFile"));
}

/** The file has its name once all of it is there, and is what was asked for. */
async function get(
  host: CommandHost,
  client: Client,
  output: Output,
  { ref, out, chain, task, ...bounds }: GetFlags & Bounds & { readonly ref: string },
): Promise<void> {
  const { say } = host;
  const referrer = await referrerOf(host, client, { chain, task }, bounds);
  const content = client.blobs.get(ref, { ...referrer, ...bounds });
  const chunks = Readable.from(content, { objectMode: false });
  if (out === undefined) {
    if (output.json) refuseUsage("--out", say("blob.jsonNeedsFile"));
    await pipeline(chunks, process.stdout as Writable, { end: false });
    return;
  }
  const part = `${out}.part`;
  try {
    await pipeline(chunks, createWriteStream(part));
    renameSync(part, out);
  } finally {
    rmSync(part, { force: true });
  }
  const { size } = statSync(out);
  output.result({ ref, file: out, size }, say("blob.got", { file: out, size }));
}

function describe(
  { ref, size, mediaType, fileName, storedAtMs }: BlobDescription,
  say: Say,
): string {
  return [
    ref,
    say("blob.size", { size }),
    ...(mediaType === "" ? [] : [say("blob.type", { type: cleanText(mediaType) })]),
    ...(fileName === "" ? [] : [say("blob.name", { name: cleanText(fileName) })]),
    say("blob.stored", { time: formatTime(storedAtMs) }),
  ].join("\n");
}
