// Session: keeps frames in order between two nodes while links come and go.
//
// Owns, per lane: the next sequence to give out, the frames not yet acknowledged, the highest
// sequence received. Owns no clock, no link and no store: its changes are part of a kernel's state,
// so they are rebuilt from the kernel's facts.
//
//   N1  A frame is sent only after the commit that holds it is durable (`durableOut`).
//   N2  An acknowledgement means "durable there" (`durableIn`), never merely "arrived".
//   N3  A sequence is applied at most once, however often it is received.
//   N4  Unacknowledged frames never exceed `limits.outboxFramesMax`; beyond it `isFull` is true and
//       the kernel refuses new work for this peer.
//   N5  A peer whose positions contradict ours has forgotten something, or we have: nobody serves
//       across such a session (amnesia check). What the peer sent before this life of its began is
//       compared on its own: an old copy may have given out new frames for those it has forgotten.

import {
  type Address,
  assertRule,
  type Frame,
  type Hello,
  type Lane,
  type LanePosition,
  lanes,
  limits,
} from "../domain/index.ts";

export interface LaneState {
  /** Sequence of the first frame in `queue`; all before it are acknowledged. */
  firstSeq: number;
  queue: Frame[];
  /** Frames of `queue` before this index are acknowledged (removed in bulk now and then). */
  head: number;
  /** Highest sequence received and stepped. */
  received: number;
  /** Highest own sequence that is durable here, hence may be sent. Not stored. */
  durableOut: number;
  /** Highest received sequence that is durable here, hence may be acknowledged. Not stored. */
  durableIn: number;
  /** Highest own sequence when this life began. Not stored. */
  sentBefore: number;
}

/** What a checkpoint keeps of a lane. */
export interface StoredLane {
  readonly lane: Lane;
  readonly acked: number;
  readonly received: number;
  readonly frames: readonly Frame[];
}

export type PositionVerdict =
  | { readonly kind: "consistent" }
  /** The teller remembers less than it has confirmed. */
  | {
      readonly kind: "peerForgot";
      readonly lane: Lane;
      readonly ours: number;
      readonly theirs: number;
    }
  /** We remember less than we have confirmed. */
  | {
      readonly kind: "weForgot";
      readonly lane: Lane;
      readonly ours: number;
      readonly theirs: number;
    };

/** Takes acknowledged frames out of the array once so many have gathered: amortised O(1). */
const compactAfter = 512;

export class Session {
  readonly peer: Address;
  /** Store id of the peer; empty until the first link. */
  peerStoreId: string;
  /** Highest epoch that the peer has shown. */
  peerEpoch: number;
  private readonly laneStates: Map<Lane, LaneState>;

  constructor(peer: Address, peerStoreId = "", peerEpoch = 0) {
    this.peer = peer;
    this.peerStoreId = peerStoreId;
    this.peerEpoch = peerEpoch;
    this.laneStates = new Map();
  }

  private lane(lane: Lane): LaneState {
    const known = this.laneStates.get(lane);
    if (known !== undefined) return known;
    const state = {
      firstSeq: 1,
      queue: [],
      head: 0,
      received: 0,
      durableOut: 0,
      durableIn: 0,
      sentBefore: 0,
    };
    this.laneStates.set(lane, state);
    return state;
  }

  /** Appends a frame and returns its sequence. */
  enqueue(lane: Lane, frame: Frame): number {
    const state = this.lane(lane);
    state.queue.push(frame);
    return state.firstSeq + state.queue.length - 1;
  }

  /** Whether the peer's outbox is at its bound (N4). */
  isFull(): boolean {
    return this.unacknowledged() >= limits.outboxFramesMax;
  }

  unacknowledged(): number {
    let count = 0;
    for (const state of this.laneStates.values()) count += state.queue.length - state.head;
    return count;
  }

  /** Notes that `seq` was received; false when it was applied before (N3). */
  accept(lane: Lane, seq: number): boolean {
    const state = this.lane(lane);
    if (seq <= state.received) return false;
    // Lanes are ordered and links resume at `received`: a gap can't come from an honest peer.
    assertRule(seq === state.received + 1, "a lane's sequence has a gap", `${this.peer} ${lane}`);
    state.received = seq;
    return true;
  }

  /** The sequence that the next frame on this lane must have. */
  expects(lane: Lane): number {
    return this.lane(lane).received + 1;
  }

  /** The peer keeps everything up to `seq`: true when that is news. Impossible news is ignored. */
  acknowledge(lane: Lane, seq: number): boolean {
    const state = this.lane(lane);
    const last = state.firstSeq + state.queue.length - 1;
    if (seq > last || seq < state.firstSeq + state.head) return false;
    state.head = seq - state.firstSeq + 1;
    if (state.head >= compactAfter || state.head === state.queue.length) {
      state.queue = state.queue.slice(state.head);
      state.firstSeq += state.head;
      state.head = 0;
    }
    return true;
  }

  /** Highest own sequence that the peer has acknowledged. */
  acked(lane: Lane): number {
    const state = this.lane(lane);
    return state.firstSeq + state.head - 1;
  }

  /** Highest sequence given out, durable or not. */
  lastSeq(lane: Lane): number {
    const state = this.lane(lane);
    return state.firstSeq + state.queue.length - 1;
  }

  received(lane: Lane): number {
    return this.lane(lane).received;
  }

  durableIn(lane: Lane): number {
    return this.laneStates.get(lane)?.durableIn ?? 0;
  }

  durableOut(lane: Lane): number {
    return this.laneStates.get(lane)?.durableOut ?? 0;
  }

  /** The frame with this sequence if it is durable and not acknowledged. */
  frameAt(lane: Lane, seq: number): Frame | undefined {
    const state = this.laneStates.get(lane);
    if (state === undefined || seq > state.durableOut) return undefined;
    const index = seq - state.firstSeq;
    return index < state.head ? undefined : state.queue[index];
  }

  /** What a commit that is being written will make durable. */
  positionsNow(): readonly LaneMark[] {
    const marks: LaneMark[] = [];
    for (const [lane, state] of this.laneStates) {
      const out = state.firstSeq + state.queue.length - 1;
      if (out !== state.durableOut || state.received !== state.durableIn) {
        marks.push({ lane, out, received: state.received });
      }
    }
    return marks;
  }

  /** The commit is durable: its frames may leave and its receipts may be acknowledged. */
  markDurable(marks: readonly LaneMark[]): void {
    for (const mark of marks) {
      const state = this.lane(mark.lane);
      // A reset between writing and syncing may have moved the lane back; then the mark is stale.
      state.durableOut = Math.min(
        Math.max(state.durableOut, mark.out),
        state.firstSeq + state.queue.length - 1,
      );
      state.durableIn = Math.min(Math.max(state.durableIn, mark.received), state.received);
    }
  }

  /** Everything in memory is durable: the state after a recovery. */
  markAllDurable(): void {
    for (const state of this.laneStates.values()) {
      state.durableOut = state.firstSeq + state.queue.length - 1;
      state.durableIn = state.received;
      state.sentBefore = state.durableOut;
    }
  }

  /** What we tell the peer at the handshake: durable positions only. */
  positions(): readonly LanePosition[] {
    return lanes
      .filter((lane) => this.received(lane) > 0 || this.lastSeq(lane) > 0)
      .map((lane) => ({
        lane,
        received: this.durableIn(lane),
        sent: this.durableOut(lane),
        acked: this.acked(lane),
        sentBefore: this.lane(lane).sentBefore,
      }));
  }

  /**
   * Compares the peer's positions with ours (N5). In a life of the peer that we have not seen yet
   * (`isNewLife`) nothing can have come from it but what it had sent before.
   */
  judge(theirs: readonly LanePosition[], isNewLife = false): PositionVerdict {
    for (const lane of lanes) {
      const their = theirs.find((position) => position.lane === lane);
      const received = their?.received ?? 0;
      const now = their?.sent ?? 0;
      const sent = isNewLife ? Math.min(now, their?.sentBefore ?? now) : now;
      const acked = their?.acked ?? 0;
      const last = this.lastSeq(lane);
      if (received > last) return { kind: "weForgot", lane, ours: last, theirs: received };
      if (acked > this.received(lane)) {
        return { kind: "weForgot", lane, ours: this.received(lane), theirs: acked };
      }
      if (received < this.acked(lane)) {
        return { kind: "peerForgot", lane, ours: this.acked(lane), theirs: received };
      }
      if (sent < this.durableIn(lane)) {
        return { kind: "peerForgot", lane, ours: this.durableIn(lane), theirs: sent };
      }
    }
    return { kind: "consistent" };
  }

  /**
   * Begins anew with another store at the other end. Frames for which `keep` is true are given out
   * again from sequence 1; the kernel makes the others anew where they still matter.
   */
  reset(peerStoreId: string, keep: (frame: Frame) => boolean): void {
    const kept: [Lane, Frame[]][] = [];
    for (const [lane, state] of this.laneStates) {
      kept.push([lane, state.queue.slice(state.head).filter(keep)]);
    }
    this.laneStates.clear();
    this.peerStoreId = peerStoreId;
    for (const [lane, frames] of kept) {
      for (const frame of frames) this.enqueue(lane, frame);
    }
  }

  store(): readonly StoredLane[] {
    return lanes
      .filter((lane) => this.received(lane) > 0 || this.lastSeq(lane) > 0)
      .map((lane) => {
        const state = this.lane(lane);
        return {
          lane,
          acked: this.acked(lane),
          received: state.received,
          frames: state.queue.slice(state.head),
        };
      });
  }

  restore(stored: readonly StoredLane[]): void {
    for (const { lane, acked, received, frames } of stored) {
      const state = this.lane(lane);
      state.firstSeq = acked + 1;
      state.queue = [...frames];
      state.head = 0;
      state.received = received;
    }
  }
}

/**
 * A Hello as the store that receives it may read it. Positions that were reached with an earlier
 * store of ours say nothing about this one: judged by them we would take ourselves for an old copy.
 */
export function helloFor(storeId: string, hello: Hello): Hello {
  return hello.peerStoreId === storeId ? hello : { ...hello, peerStoreId: "", positions: [] };
}

/** Positions of a lane that become durable with a commit. */
export interface LaneMark {
  readonly lane: Lane;
  readonly out: number;
  readonly received: number;
}
