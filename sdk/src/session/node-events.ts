// Node events: what every kernel hears of its links and what it says to them, at a hub and at an
// agent alike, so that one shell can serve both.

import type {
  Address,
  Frame,
  Goodbye,
  Lane,
  LaneAck,
  LaneRefusal,
  Welcome,
} from "../domain/index.ts";
import type { Session } from "./session.ts";

export type NodeEvent =
  | { readonly type: "started"; readonly epoch: number }
  | { readonly type: "tick" }
  /** Our parent has answered our Hello. */
  | { readonly type: "linkWelcomed"; readonly link: number; readonly welcome: Welcome }
  | { readonly type: "linkClosed"; readonly link: number }
  | {
      readonly type: "frames";
      readonly link: number;
      readonly lane: Lane;
      readonly firstSeq: number;
      readonly frames: readonly Frame[];
    }
  | { readonly type: "acks"; readonly link: number; readonly acks: readonly LaneAck[] };

export type NodeOutput =
  /** The handshake with our parent is done. */
  | { readonly type: "attached"; readonly link: number; readonly session: Session }
  | { readonly type: "closeLink"; readonly link: number; readonly goodbye: Goodbye }
  | { readonly type: "refuseFrame"; readonly link: number; readonly refusal: LaneRefusal }
  /** Our own store has forgotten what a peer remembers: the process must not serve. */
  | {
      readonly type: "amnesia";
      readonly peer: Address;
      readonly lane: Lane;
      readonly ours: number;
      readonly theirs: number;
    };
