import { agentLimits } from "@cloudbrain/sdk/kernel";
import * as assert from "uvu/assert";
import {
  AgentRig,
  makeCancel,
  makeEnded,
  makeFeedback,
  makeInstruction,
  makeRun,
  parent,
  self,
} from "../support/agent-rig.ts";
import { suite } from "../support/suite.ts";

const test = suite("agent kernel");

function makeLinked(): AgentRig {
  const rig = new AgentRig();
  rig.link();
  return rig;
}

const nothing = { early: [], facts: [], outputs: [], sent: [] };
const cancelled = { outcome: "cancelled", output: "", message: "no longer needed" } as const;
const expired = {
  outcome: "expired",
  output: "",
  errorCode: "FINISH_DEADLINE",
  message: "not done in time",
  retryable: true,
} as const;

test("an instruction is run at once and accepted when its commit ends without an outcome", () => {
  const rig = makeLinked();
  assert.equal(rig.receive(makeInstruction("i")), {
    early: [makeRun("i")],
    facts: ["seen", "received", "accepted"],
    outputs: [],
    sent: [{ kind: "accepted", id: "i", attempt: 1 }],
  });
  assert.equal(rig.commit(makeEnded("i")), {
    early: [],
    facts: ["ended"],
    outputs: [],
    sent: [makeFeedback("i")],
  });
});

test("an outcome of the same commit is sent without being announced", () => {
  const rig = makeLinked();
  assert.equal(rig.commit(rig.frames(makeInstruction("i")), makeEnded("i")), {
    early: [makeRun("i")],
    facts: ["seen", "received", "ended"],
    outputs: [],
    sent: [makeFeedback("i")],
  });
});

test("the receipt may be acknowledged only when the commit is durable", () => {
  const rig = makeLinked();
  const { kernel } = rig;
  kernel.step(rig.frames(makeInstruction("i")), rig.nowMs);
  const { marks } = kernel.take();
  assert.is(kernel.state.session.durableIn("chain"), 0);
  assert.is(kernel.state.session.frameAt("chain", 1), undefined);
  kernel.committed(marks);
  assert.is(kernel.state.session.durableIn("chain"), 1);
  assert.is(kernel.state.session.frameAt("chain", 1)?.body.kind, "accepted");
});

test("the same attempt again gets the stored outcome, and nothing runs", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i"));
  assert.equal(rig.receive(makeInstruction("i")), {
    early: [],
    facts: ["seen", "repeated"],
    outputs: [],
    sent: [makeFeedback("i")],
  });
});

test("the same attempt again is accepted again while it runs", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  assert.equal(rig.receive(makeInstruction("i")), {
    early: [],
    facts: ["seen", "accepted"],
    outputs: [],
    sent: [{ kind: "accepted", id: "i", attempt: 1 }],
  });
});

test("a newer attempt adopts the execution that runs, and an older one is ignored", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i", { attempt: 2 }));
  assert.equal(rig.receive(makeInstruction("i", { attempt: 3 })), {
    early: [],
    facts: ["seen", "adopted", "accepted"],
    outputs: [],
    sent: [{ kind: "accepted", id: "i", attempt: 3 }],
  });
  assert.equal(rig.receive(makeInstruction("i", { attempt: 1 })), { ...nothing, facts: ["seen"] });
  assert.equal(rig.commit(makeEnded("i")).sent, [makeFeedback("i", { attempt: 3 })]);
});

test("a newer attempt of what has ended runs again", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i", { outcome: "failed", output: "", errorCode: "BUSY", retryable: true }));
  assert.equal(rig.receive(makeInstruction("i", { attempt: 2 })), {
    early: [makeRun("i", { attempt: 2 })],
    facts: ["seen", "received", "accepted"],
    outputs: [],
    sent: [{ kind: "accepted", id: "i", attempt: 2 }],
  });
  assert.equal(rig.commit(makeEnded("i")).sent, [makeFeedback("i", { attempt: 2 })]);
});

test("a correction stands in place of the outcome, is counted, and is what is told again", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  assert.equal(rig.commit({ type: "revised", id: "i", output: '{"n":0}' }).sent, []);
  rig.commit(makeEnded("i"));
  assert.equal(rig.commit({ type: "revised", id: "i", output: '{"n":2}' }).sent, [
    makeFeedback("i", { output: '{"n":2}', revision: 1 }),
  ]);
  assert.equal(rig.commit({ type: "revised", id: "i", output: '{"n":3}' }).sent, [
    makeFeedback("i", { output: '{"n":3}', revision: 2 }),
  ]);
  assert.equal(rig.receive(makeInstruction("i")).sent, [
    makeFeedback("i", { output: '{"n":3}', revision: 2 }),
  ]);
});

test("what has failed is not corrected", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i", { outcome: "failed", output: "", errorCode: "NO" }));
  assert.equal(rig.commit({ type: "revised", id: "i", output: "{}" }), nothing);
});

test("a second answer of a handler is not heard", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i"));
  assert.equal(rig.commit(makeEnded("i", { output: '{"n":2}' })), nothing);
});

test("a cancel aborts the handler, and its end answers cancelled", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  assert.equal(rig.receive(makeCancel("i")), {
    early: [{ type: "abort", id: "i", reason: "no longer needed" }],
    facts: ["seen", "cancelAsked"],
    outputs: [],
    sent: [],
  });
  const failed = makeEnded("i", { outcome: "failed", output: "", errorCode: "HANDLER_FAILED" });
  assert.equal(rig.commit(failed).sent, [makeFeedback("i", cancelled)]);
});

test("a handler that succeeds although it was asked to stop has succeeded", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.receive(makeCancel("i"));
  assert.equal(rig.commit(makeEnded("i")).sent, [makeFeedback("i")]);
});

test("a handler that does not stop is answered for after a grace, and its end is not heard", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.receive(makeCancel("i"));
  assert.is(rig.kernel.wakeAtMs(), rig.nowMs + agentLimits.cancelGraceMs);
  rig.nowMs += agentLimits.cancelGraceMs;
  assert.equal(rig.commit({ type: "tick" }).sent, [makeFeedback("i", cancelled)]);
  assert.equal(rig.commit(makeEnded("i")), nothing);
  assert.is(rig.kernel.wakeAtMs(), undefined);
});

test("a cancel that overtakes its instruction answers it when it comes, without running it", () => {
  const rig = makeLinked();
  rig.receive(makeCancel("i", 2));
  const answer = { ...cancelled, message: "cancelled before it arrived" };
  assert.equal(rig.receive(makeInstruction("i", { attempt: 2 })), {
    early: [],
    facts: ["seen", "received", "ended"],
    outputs: [],
    sent: [makeFeedback("i", { ...answer, attempt: 2 })],
  });
  assert.equal(rig.receive(makeInstruction("i", { attempt: 3 })).early, [
    makeRun("i", { attempt: 3 }),
  ]);
});

test("a cancel of an attempt that is to come does not disturb an outcome that is known", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i"));
  assert.equal(rig.receive(makeCancel("i", 2)), { ...nothing, facts: ["seen", "cancelAsked"] });
  const { early, sent } = rig.receive(makeInstruction("i", { attempt: 2 }));
  assert.equal(early, []);
  const answer = { ...cancelled, message: "cancelled before it arrived", attempt: 2 };
  assert.equal(sent, [makeFeedback("i", answer)]);
});

test("an older cancel leaves a newer attempt alone", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i", { attempt: 2 }));
  assert.equal(rig.receive(makeCancel("i", 1)), { ...nothing, facts: ["seen"] });
});

test("a newer attempt of what is being stopped may be retried, if it was not taken back too", () => {
  for (const [cancelAttempt, retryable] of [
    [1, true],
    [2, false],
  ] as const) {
    const rig = makeLinked();
    rig.receive(makeInstruction("i"));
    rig.receive(makeCancel("i", cancelAttempt));
    rig.receive(makeInstruction("i", { attempt: 2 }));
    const failed = makeEnded("i", { outcome: "failed" });
    const answer = makeFeedback("i", { ...cancelled, attempt: 2, retryable });
    assert.equal(rig.commit(failed).sent, [answer]);
  }
});

test("when the finish deadline passes, the handler is aborted and the outcome is expired", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i", { finishMs: 5_000 }));
  assert.is(rig.kernel.wakeAtMs(), 6_000);
  rig.nowMs = 5_999;
  assert.equal(rig.commit({ type: "tick" }), nothing);
  rig.nowMs = 6_000;
  assert.equal(rig.commit({ type: "tick" }), {
    early: [{ type: "abort", id: "i", reason: "the finish deadline has passed" }],
    facts: ["ended"],
    outputs: [],
    sent: [makeFeedback("i", expired)],
  });
});

test("a newer attempt waits until the execution that was given up has ended", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i", { finishMs: 5_000 }));
  rig.nowMs = 6_000;
  rig.commit({ type: "tick" });
  assert.equal(rig.receive(makeInstruction("i", { attempt: 2 })).early, []);
  const aborted = makeEnded("i", { outcome: "failed", errorCode: "HANDLER_FAILED" });
  assert.equal(rig.commit(aborted), { ...nothing, early: [makeRun("i", { attempt: 2 })] });
  assert.equal(rig.commit(makeEnded("i")).sent, [makeFeedback("i", { attempt: 2 })]);
});

test("an unknown capability, a full node and a draining one return the work with a code", () => {
  const rig = makeLinked();
  const unknown = rig.receive(makeInstruction("u", { capability: "other/v1" }));
  assert.equal(unknown.early, []);
  const returned = { outcome: "returned", output: "" } as const;
  assert.equal(unknown.sent, [
    makeFeedback("u", {
      ...returned,
      errorCode: "CAPABILITY_UNKNOWN",
      message: "no handler for other/v1",
    }),
  ]);
  rig.commit({ type: "drain" });
  const drained = rig.receive(makeInstruction("d"));
  assert.equal(drained.early, []);
  assert.equal(drained.sent, [
    makeFeedback("d", {
      ...returned,
      errorCode: "DRAINING",
      message: "the node takes no new work",
      retryable: true,
    }),
  ]);
  const full = makeLinked();
  const many = Array.from({ length: agentLimits.runningMax }, (_, n) => makeInstruction(`m${n}`));
  full.receive(...many);
  assert.equal(full.receive(makeInstruction("one more")).sent, [
    makeFeedback("one more", {
      ...returned,
      errorCode: "NODE_BUSY",
      message: `${agentLimits.runningMax} instructions are under way`,
      retryable: true,
    }),
  ]);
});

test("of the progress of one commit only the newest is told, and none beside the outcome", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  const half = { type: "progress", id: "i", ratio: 0.5, note: "half" } as const;
  const most = { type: "progress", id: "i", ratio: 0.9, note: "most" } as const;
  assert.equal(rig.commit(half, most), {
    ...nothing,
    facts: ["progressed"],
    sent: [{ kind: "progress", id: "i", attempt: 1, ratio: 0.9, note: "most" }],
  });
  assert.equal(rig.commit(most, makeEnded("i")).sent, [makeFeedback("i")]);
  assert.equal(rig.commit(most), nothing);
});

test("progress that a hub which is away will not read is not kept", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  const half = { type: "progress", id: "i", ratio: 0.5, note: "" } as const;
  for (let count = 0; count < agentLimits.newsOutboxMax + 10; count += 1) rig.commit(half);
  assert.is(rig.kernel.state.session.unacknowledged(), agentLimits.newsOutboxMax);
});

test("after a crash what has no outcome is run again with the same id and attempt", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("done"), makeInstruction("open", { attempt: 2 }));
  rig.commit(makeEnded("done"));
  assert.equal(rig.restart(), {
    ...nothing,
    early: [makeRun("open", { attempt: 2 })],
    facts: ["started"],
  });
});

test("after a crash what was taken back or is over its time is answered and not run", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("cancelled"), makeInstruction("late", { finishMs: 5_000 }));
  rig.receive(makeCancel("cancelled"));
  rig.nowMs = 60_000;
  assert.equal(rig.restart(), {
    early: [],
    facts: ["started", "ended", "ended"],
    outputs: [],
    sent: [makeFeedback("cancelled", cancelled), makeFeedback("late", expired)],
  });
});

test("an outcome reaches a hub that has begun anew, and the same work is not done twice", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i"));
  assert.equal(rig.link("hub-2"), {
    early: [],
    facts: ["linkUp"],
    outputs: [{ type: "attached", link: 2 }],
    sent: [{ kind: "accepted", id: "i", attempt: 1 }, makeFeedback("i")],
  });
  const again = rig.receive(makeInstruction("i"));
  assert.equal(again.early, []);
  assert.equal(again.sent, [makeFeedback("i")]);
});

test("a resumed link trims what the hub has received", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeEnded("i"));
  const positions = [{ lane: "chain", received: 2, sent: 1, acked: 1 }] as const;
  assert.equal(rig.link("hub-1", positions).facts, ["linkUp", "acked"]);
  assert.is(rig.kernel.state.session.unacknowledged(), 0);
});

test("nobody serves across a link whose one end has forgotten something", () => {
  const weForgot = makeLinked();
  const known = [{ lane: "chain", received: 7, sent: 0, acked: 0 }] as const;
  const detail =
    "/c/a has forgotten frames of lane chain: /c/a knows 0, /c knows 7; its store is an old copy";
  const goodbye = { code: "AMNESIA", detail, retryAfterMs: 30_000 };
  assert.equal(weForgot.link("hub-1", known), {
    ...nothing,
    outputs: [
      { type: "closeLink", link: 2, goodbye },
      { type: "amnesia", peer: parent, lane: "chain", ours: 0, theirs: 7 },
    ],
  });
  const hubForgot = makeLinked();
  hubForgot.receive(makeInstruction("i"));
  hubForgot.acknowledgeAll();
  const refused = hubForgot.link("hub-1", []);
  assert.equal(
    refused.outputs.map((output) => (output as { type: string }).type),
    ["closeLink"],
  );
  assert.equal(hubForgot.commit(hubForgot.frames(makeInstruction("j"))), nothing);
});

test("a hub that stands below us is refused", () => {
  const rig = new AgentRig();
  const welcome = {
    protocol: 1,
    features: [],
    address: parent,
    title: { zh: "市" },
    storeId: "hub-1",
    epoch: 1,
    resumed: false,
    positions: [],
    heartbeatMs: 3_000,
    ancestors: [self, parent],
    linkToken: "token",
  };
  assert.equal(rig.commit({ type: "linkWelcomed", link: 1, welcome }), {
    ...nothing,
    outputs: [
      {
        type: "closeLink",
        link: 1,
        goodbye: { code: "LOOP_REFUSED", detail: "/c stands below us", retryAfterMs: 30_000 },
      },
    ],
  });
});

test("frames that come twice or from a link that is gone are applied once", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  const twice = rig.commit(rig.framesFrom(1, makeInstruction("i"), makeInstruction("j")));
  assert.equal(twice.early, [makeRun("j")]);
  assert.equal(rig.commit({ type: "linkClosed", link: 1 }), nothing);
  assert.equal(rig.commit(rig.frames(makeInstruction("k"))), nothing);
});

test("a frame that an agent does not take is refused with its reason and counts as received", () => {
  const rig = makeLinked();
  const accepted = { kind: "accepted", id: "i", attempt: 1 } as const;
  const opaque = { kind: "opaque", wireKind: 63, bytes: new Uint8Array() } as const;
  const refusal = { lane: "chain" } as const;
  assert.equal(rig.receive(accepted, opaque), {
    ...nothing,
    facts: ["seen"],
    outputs: [
      {
        type: "refuseFrame",
        link: 1,
        refusal: {
          ...refusal,
          seq: 1,
          code: "FRAME_FORBIDDEN",
          detail: "an agent takes no accepted",
        },
      },
      {
        type: "refuseFrame",
        link: 1,
        refusal: {
          ...refusal,
          seq: 2,
          code: "FRAME_INVALID",
          detail: "kind 63 is not readable",
        },
      },
    ],
  });
});

test("a large output travels on the bulk lane", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  const output = JSON.stringify("x".repeat(40_000));
  rig.commit(makeEnded("i", { output }));
  assert.equal(rig.kernel.state.session.frameAt("bulk", 1)?.body, makeFeedback("i", { output }));
});

test("outcomes are forgotten oldest first, and never before the hub has acknowledged them", () => {
  const rig = makeLinked();
  const ids = Array.from({ length: agentLimits.endedMax + 3 }, (_, n) => `i${n}`);
  for (const id of ids) {
    const { state } = rig.kernel;
    rig.commit(rig.frames(makeInstruction(id)), makeEnded(id));
    assert.ok(state.instructions.has(id));
  }
  assert.is(rig.kernel.state.instructions.size, ids.length);
  rig.acknowledgeAll();
  assert.is(rig.kernel.state.instructions.size, agentLimits.endedMax);
  assert.equal(
    ids.slice(0, 4).map((id) => rig.kernel.state.instructions.has(id)),
    [false, false, false, true],
  );
});

test("what a start forgets next does not depend on the order in which rows are read", () => {
  const rig = makeLinked();
  const count = agentLimits.endedMax + 5;
  for (let n = 0; n < count; n += 1) {
    rig.commit(rig.frames(makeInstruction(`i${n}`), makeCancel(`c${n}`)), makeEnded(`i${n}`));
    rig.acknowledgeAll();
  }
  rig.checkpoint();
  for (let n = count; n < count + 3; n += 1) {
    rig.commit(rig.frames(makeInstruction(`i${n}`), makeCancel(`c${n}`)), makeEnded(`i${n}`));
    rig.acknowledgeAll();
  }
  assert.equal(rig.recover("checkpoint").dump(), rig.kernel.dump());
  assert.equal(rig.recover("genesis").dump(), rig.kernel.dump());
});
