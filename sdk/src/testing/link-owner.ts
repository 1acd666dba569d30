// Link owner: the node at one end of a link in virtual time, and how it hears what has arrived.

import type { Goodbye, Hello, LaneAck, LaneRefusal, LaneRun, Welcome } from "../domain/index.ts";
import type { LinkEvent } from "../session/index.ts";

/** What a node does with what its links bring. */
export interface LinkOwner<End> {
  readonly address: string;
  greeted(end: End, hello: Hello): void;
  welcomed(end: End, welcome: Welcome): void;
  run(end: End, run: LaneRun): void;
  acks(end: End, acks: readonly LaneAck[]): void;
  refused(end: End, refusals: readonly LaneRefusal[]): void;
  closed(end: End, goodbye: Goodbye | undefined): void;
}

/** After one of these the connection is over. */
export type LinkEnding = Extract<LinkEvent, { type: "goodbye" | "violation" | "silent" }>;

/**
 * Tells the owner of `end` what has arrived, in order, until that closes the link. Returns the
 * event by which the peer ends it: that one is for the caller.
 */
export function tellOwner<End extends { readonly isClosed: boolean }>(
  end: End,
  owner: LinkOwner<End>,
  events: readonly LinkEvent[],
): LinkEnding | undefined {
  for (const event of events) {
    if (end.isClosed) return undefined;
    switch (event.type) {
      case "hello":
        owner.greeted(end, event.hello);
        break;
      case "welcome":
        owner.welcomed(end, event.welcome);
        break;
      case "run":
        owner.run(end, event.run);
        break;
      case "acks":
        owner.acks(end, event.acks);
        break;
      case "refusals":
        owner.refused(end, event.refusals);
        break;
      default:
        return event;
    }
  }
  return undefined;
}
