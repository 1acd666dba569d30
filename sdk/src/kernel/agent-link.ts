// Steps of the agent's one link: the handshake at the dialling end, acknowledgements, frames.
//
//   B5  Positions are judged before anything travels; when one end has forgotten something, nobody
//       serves across the link. A hub with a new store gets what it has not acknowledged again.

import type { Frame, InstructionBody, Lane, Welcome } from "../domain/index.ts";
import { ignorableKind } from "../domain/index.ts";
import { amnesiaGoodbye } from "../session/index.ts";
import type { AgentDeciding } from "./agent-deciding.ts";
import type { AgentEvent } from "./agent-events.ts";

type EventOf<Type extends AgentEvent["type"]> = Extract<AgentEvent, { type: Type }>;

/** Refusals that only a person can mend are not asked again before this. */
const refusedRetryMs = 30_000;

/** False when the link is refused: nothing of it is taken. */
export function stepWelcomed(deciding: AgentDeciding, event: EventOf<"linkWelcomed">): boolean {
  const { welcome, link } = event;
  const { session, self } = deciding.state;
  if (welcome.ancestors.includes(self)) {
    const detail = `${welcome.address} stands below us`;
    const goodbye = { code: "LOOP_REFUSED", detail, retryAfterMs: refusedRetryMs };
    deciding.emit({ type: "closeLink", link, goodbye });
    return false;
  }
  const isNewStore = session.peerStoreId !== welcome.storeId;
  const isResumed = !isNewStore && welcome.resumed;
  if (isResumed && !agree(deciding, link, welcome)) return false;
  const reset = !isResumed && (session.peerStoreId !== "" || session.unacknowledged() > 0);
  const { address: peer, storeId, epoch } = welcome;
  deciding.decide({ t: "linkUp", peer, storeId, epoch, reset });
  if (isResumed) {
    for (const { lane, received } of welcome.positions) {
      if (received > session.acked(lane)) deciding.decide({ t: "acked", lane, seq: received });
    }
  }
  deciding.emit({ type: "attached", link, session: deciding.state.session });
  return true;
}

function agree(
  deciding: AgentDeciding,
  link: number,
  { epoch, positions }: Pick<Welcome, "epoch" | "positions">,
): boolean {
  const { session, self } = deciding.state;
  const verdict = session.judge(positions, epoch > session.peerEpoch);
  if (verdict.kind === "consistent") return true;
  const { lane, ours, theirs } = verdict;
  const goodbye = amnesiaGoodbye({ self, peer: session.peer }, verdict);
  deciding.emit({ type: "closeLink", link, goodbye });
  if (verdict.kind === "weForgot") {
    deciding.emit({ type: "amnesia", peer: session.peer, lane, ours, theirs });
  }
  return false;
}

export function stepAcks(deciding: AgentDeciding, event: EventOf<"acks">): void {
  const { session } = deciding.state;
  for (const { lane, seq } of event.acks) {
    if (seq > session.acked(lane) && seq <= session.durableOut(lane)) {
      deciding.decide({ t: "acked", lane, seq });
    }
  }
}

/** What a hub may ask of an agent. */
export interface AgentOrders {
  instructed(origin: Frame["from"], body: InstructionBody, lane: Lane): void;
  cancelled(id: string, attempt: number, reason: string): void;
}

export function stepFrames(
  deciding: AgentDeciding,
  event: EventOf<"frames">,
  orders: AgentOrders,
): void {
  const { lane, link, firstSeq, frames } = event;
  const { session } = deciding.state;
  const first = session.expects(lane);
  const last = firstSeq + frames.length - 1;
  if (firstSeq > first || last < first) return;
  if (session.isFull()) {
    // Every answer needs room there. The hub keeps the frames, and acknowledges when it is back.
    const detail = "too many of our frames are not acknowledged";
    const goodbye = { code: "QUOTA_EXCEEDED", detail, retryAfterMs: refusedRetryMs };
    deciding.emit({ type: "closeLink", link, goodbye });
    return;
  }
  deciding.decide({ t: "seen", lane, from: first, to: last });
  for (let seq = first; seq <= last; seq += 1) {
    const frame = frames[seq - firstSeq];
    if (frame === undefined) continue;
    const refusal = takeFrame(deciding, frame, lane, orders);
    if (refusal !== undefined) {
      deciding.emit({ type: "refuseFrame", link, refusal: { lane, seq, ...refusal } });
    }
  }
}

function takeFrame(
  deciding: AgentDeciding,
  frame: Frame,
  lane: Lane,
  orders: AgentOrders,
): { readonly code: string; readonly detail: string } | undefined {
  const { body } = frame;
  if (frame.to !== deciding.state.self) {
    return { code: "TARGET_UNKNOWN", detail: `nothing stands below ${deciding.state.self}` };
  }
  if (body.kind === "instruction") orders.instructed(frame.from, body, lane);
  else if (body.kind === "cancel") orders.cancelled(body.id, body.attempt, body.reason);
  else if (body.kind === "opaque") {
    if (body.wireKind >= ignorableKind) return undefined;
    return { code: "FRAME_INVALID", detail: `kind ${body.wireKind} is not readable` };
  } else return { code: "FRAME_FORBIDDEN", detail: `an agent takes no ${body.kind}` };
  return undefined;
}
