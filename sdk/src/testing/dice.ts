// Dice: all chance in virtual time, from one seed.
//
//   R1  Every decision has its own number: hash(seed, tag, node, counter of that tag and node). One
//       decision more or less shifts no other one, so a failing seed keeps its shape while the
//       code around it changes.

interface Stream {
  readonly start: number;
  count: number;
}

export class Dice {
  readonly seed: number;
  private readonly streams = new Map<string, Map<string, Stream>>();

  constructor(seed: number) {
    this.seed = seed;
  }

  /** The next number in [0, 1) for this tag and node. */
  roll(tag: string, node = ""): number {
    let byNode = this.streams.get(tag);
    if (byNode === undefined) {
      byNode = new Map();
      this.streams.set(tag, byNode);
    }
    let stream = byNode.get(node);
    if (stream === undefined) {
      stream = { start: hashText(`${this.seed}|${tag}|${node}`), count: 0 };
      byNode.set(node, stream);
    }
    stream.count += 1;
    return mix(stream.start ^ Math.imul(stream.count, 0x9e3779b1)) / 0x1_0000_0000;
  }

  /** A whole number from `low` to `high`, both included. */
  whole(tag: string, node: string, range: { readonly low: number; readonly high: number }): number {
    return range.low + Math.floor(this.roll(tag, node) * (range.high - range.low + 1));
  }

  /** True as often as `probability` says. */
  chance(tag: string, node: string, probability: number): boolean {
    return probability > 0 && this.roll(tag, node) < probability;
  }
}

/** FNV-1a with a finaliser: 32 bits, unsigned. */
export function hashText(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix(hash);
}

function mix(value: number): number {
  let hash = value;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}
