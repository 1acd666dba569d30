// Damage: one flipped bit, one cut or one missing file in a copy of a hub's data directory.

import {
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Dice } from "../simulation/dice.ts";

export type FileKind = "anchor" | "CURRENT" | "LOCK" | "LOG" | "MANIFEST" | "log" | "ldb";

/** How often a kind is chosen: most bytes of a store lie in tables and logs. */
const weights: readonly (readonly [FileKind, number])[] = [
  ["ldb", 8],
  ["log", 5],
  ["MANIFEST", 3],
  ["anchor", 3],
  ["CURRENT", 2],
  ["LOG", 1],
  ["LOCK", 1],
];

export interface Damage {
  readonly kind: FileKind;
  /** Relative to the data directory. */
  readonly file: string;
  readonly act: "flip" | "append" | "truncate" | "delete";
  /** Byte of a flip, new length of a truncation. */
  readonly at: number;
  readonly bit: number;
}

export function formatDamage({ file, act, at, bit }: Damage): string {
  return act === "flip"
    ? `bit ${bit} of byte ${at} in ${file} flipped`
    : `${file}: ${act} at ${at}`;
}

/** Files of a data directory by kind. Throws when a kind is missing: the test would prove less. */
export function listFiles(directory: string): ReadonlyMap<FileKind, readonly string[]> {
  const files = new Map<FileKind, string[]>(weights.map(([kind]) => [kind, []]));
  files.get("anchor")?.push("anchor");
  for (const name of readdirSync(join(directory, "store")).sort()) {
    const kind = kindOf(name);
    if (kind !== undefined) files.get(kind)?.push(join("store", name));
  }
  for (const [kind, names] of files) {
    if (names.length === 0) throw new Error(`the store to damage has no file of kind ${kind}`);
  }
  return files;
}

function kindOf(name: string): FileKind | undefined {
  if (name === "CURRENT" || name === "LOCK") return name;
  if (name.startsWith("LOG")) return "LOG";
  if (name.startsWith("MANIFEST-")) return "MANIFEST";
  if (name.endsWith(".log")) return "log";
  return name.endsWith(".ldb") ? "ldb" : undefined;
}

export function drawFlip(dice: Dice, directory: string): Damage {
  const { kind, file } = drawFile(dice, directory);
  const { size } = statSync(join(directory, file));
  const bit = dice.whole("bit", "", { low: 0, high: 7 });
  // An empty file has no bit: a byte is put there instead.
  if (size === 0) return { kind, file, act: "append", at: 0, bit };
  return { kind, file, act: "flip", at: dice.whole("byte", "", { low: 0, high: size - 1 }), bit };
}

/** Three in four are truncations, the rest deletions; one truncation in four leaves nothing. */
export function drawCut(dice: Dice, directory: string): Damage {
  const { kind, file } = drawFile(dice, directory);
  const { size } = statSync(join(directory, file));
  if (dice.chance("delete", "", 0.25)) return { kind, file, act: "delete", at: 0, bit: 0 };
  const isEmptied = size === 0 || dice.chance("empty", "", 0.25);
  const at = isEmptied ? 0 : dice.whole("length", "", { low: 0, high: size - 1 });
  return { kind, file, act: "truncate", at, bit: 0 };
}

function drawFile(
  dice: Dice,
  directory: string,
): { readonly kind: FileKind; readonly file: string } {
  const files = listFiles(directory);
  const kinds = weights.flatMap(([kind, weight]) => Array.from({ length: weight }, () => kind));
  const kind = dice.pick("file kind", "", kinds);
  return { kind, file: dice.pick("file", "", files.get(kind) ?? []) };
}

/** A damaged copy of `source` at `target`, which is replaced. */
export function makeDamagedCopy(source: string, target: string, damage: Damage): void {
  rmSync(target, { recursive: true, force: true });
  cpSync(source, target, { recursive: true });
  const path = join(target, damage.file);
  switch (damage.act) {
    case "flip": {
      const bytes = readFileSync(path);
      bytes[damage.at] = (bytes[damage.at] ?? 0) ^ (1 << damage.bit);
      writeFileSync(path, bytes);
      return;
    }
    case "append":
      writeFileSync(path, Uint8Array.of(1 << damage.bit), { flag: "a" });
      return;
    case "truncate":
      truncateSync(path, damage.at);
      return;
    case "delete":
      rmSync(path);
  }
}
