import * as assert from "uvu/assert";
import {
  AgentRig,
  makeAnswered,
  makeCancel,
  makeEnded,
  makeFeedback,
  makeInstruction,
  makeRun,
} from "../support/agent-rig.ts";
import { suite } from "../support/suite.ts";

const test = suite("agent kernel: outcomes that are put off");

function makeLinked(): AgentRig {
  const rig = new AgentRig(["work/v1", "plain/v1"], ["work/v1"]);
  rig.link();
  return rig;
}

function makeDeferred(changes: Parameters<typeof makeInstruction>[1] = {}): AgentRig {
  const rig = makeLinked();
  rig.receive(makeInstruction("i", changes));
  rig.commit({ type: "deferred", id: "i" });
  return rig;
}

const nothing = { early: [], facts: [], outputs: [], sent: [] };
const withdrawn = {
  type: "withdrawn",
  id: "i",
  chain: "X1",
  step: "s",
  attempt: 1,
  capability: "work/v1",
  outcome: "cancelled",
  reason: "no longer needed",
} as const;
const cancelled = { outcome: "cancelled", output: "", message: "no longer needed" } as const;
const expired = {
  outcome: "expired",
  output: "",
  errorCode: "FINISH_DEADLINE",
  message: "not done in time",
  retryable: true,
} as const;

test("a deferral is kept, and the answer from outside is the outcome", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  assert.equal(rig.commit({ type: "deferred", id: "i" }), { ...nothing, facts: ["deferred"] });
  assert.equal(rig.commit(makeAnswered("i")), {
    ...nothing,
    facts: ["ended"],
    sent: [makeFeedback("i")],
  });
});

test("a deferral in the commit of the receipt is accepted like any work", () => {
  const rig = makeLinked();
  assert.equal(rig.commit(rig.frames(makeInstruction("i")), { type: "deferred", id: "i" }), {
    early: [makeRun("i")],
    facts: ["seen", "received", "deferred", "accepted"],
    outputs: [],
    sent: [{ kind: "accepted", id: "i", attempt: 1 }],
  });
});

test("what is deferred does not run again at the next start, and is answered then", () => {
  for (const from of ["checkpoint", "facts"]) {
    const rig = makeDeferred();
    if (from === "checkpoint") rig.checkpoint();
    assert.equal(rig.restart(), { ...nothing, facts: ["started"] });
    rig.link();
    assert.equal(rig.commit(makeAnswered("i")).sent, [makeFeedback("i")]);
  }
});

test("a row of before there were deferrals is one that is not deferred", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  const [row] = rig.kernel.dump();
  const whole = row?.value as Readonly<Record<string, unknown>>;
  const { deferred: _d, holder: _h, untold: _u, ...old } = whole;
  const { kernel } = new AgentRig();
  kernel.restore({ table: "instruction", key: "i", value: old });
  assert.equal(kernel.dump()[0], row);
});

test("only the first answer counts", () => {
  const rig = makeDeferred();
  rig.commit(makeAnswered("i"));
  assert.equal(rig.commit(makeAnswered("i", { output: '{"n":2}' })), nothing);
  assert.equal(rig.commit(makeAnswered("unknown")), nothing);
});

test("an answer that overtakes its handler counts, and what the handler ends with does not", () => {
  const ends = [{ type: "deferred", id: "i" } as const, makeEnded("i", { output: '{"n":2}' })];
  for (const end of ends) {
    const rig = makeLinked();
    rig.receive(makeInstruction("i"));
    assert.equal(rig.commit(makeAnswered("i")), {
      early: [{ type: "abort", id: "i", reason: "it has been answered" }],
      facts: ["ended"],
      outputs: [],
      sent: [makeFeedback("i")],
    });
    assert.equal(rig.commit(end), nothing);
  }
});

test("a newer attempt waits for the handler that its predecessor's answer has overtaken", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.commit(makeAnswered("i", { outcome: "failed", output: "", errorCode: "E", retryable: true }));
  assert.equal(rig.receive(makeInstruction("i", { attempt: 2 })).early, []);
  const { early } = rig.commit({ type: "deferred", id: "i" });
  assert.equal(early, [makeRun("i", { attempt: 2 })]);
});

test("a cancel ends what is deferred at once, and its worker is told", () => {
  const rig = makeDeferred();
  assert.equal(rig.receive(makeCancel("i")), {
    early: [],
    facts: ["seen", "cancelAsked", "ended", "withdrawn"],
    outputs: [withdrawn],
    sent: [makeFeedback("i", cancelled)],
  });
  assert.equal(rig.commit(makeAnswered("i")), nothing);
});

test("a deadline ends what is deferred, and its worker is told", () => {
  const rig = makeDeferred({ finishMs: 5_000 });
  rig.nowMs += 4_999;
  assert.equal(rig.commit({ type: "tick" }), nothing);
  assert.is(rig.kernel.wakeAtMs(), rig.nowMs + 1);
  rig.nowMs += 1;
  assert.equal(rig.commit({ type: "tick" }), {
    early: [],
    facts: ["ended", "withdrawn"],
    outputs: [{ ...withdrawn, outcome: "expired", reason: "not done in time" }],
    sent: [makeFeedback("i", expired)],
  });
  assert.is(rig.kernel.wakeAtMs(), undefined);
});

test("a withdrawal is told again at every start until it has been told", () => {
  const rig = makeDeferred();
  rig.receive(makeCancel("i"));
  assert.equal(rig.restart().outputs, [withdrawn]);
  rig.checkpoint();
  assert.equal(rig.restart().outputs, [withdrawn]);
  assert.equal(rig.commit({ type: "told", id: "i", attempt: 7 }), nothing);
  assert.equal(rig.commit({ type: "told", id: "i", attempt: 1 }), { ...nothing, facts: ["told"] });
  assert.equal(rig.restart().outputs, []);
});

test("a handler that gave the work on while it was taken back has it withdrawn", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.receive(makeCancel("i"));
  assert.equal(rig.commit({ type: "deferred", id: "i" }), {
    early: [],
    facts: ["ended", "withdrawn"],
    outputs: [withdrawn],
    sent: [makeFeedback("i", cancelled)],
  });
});

test("a handler that gave the work on after its time has it withdrawn", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i", { finishMs: 5_000 }));
  rig.nowMs += 5_000;
  rig.commit({ type: "tick" });
  assert.equal(rig.commit({ type: "deferred", id: "i" }), {
    ...nothing,
    facts: ["withdrawn"],
    outputs: [{ ...withdrawn, outcome: "expired", reason: "not done in time" }],
  });
});

test("a crash between giving the work on and keeping that ends in a withdrawal, if it ends", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  rig.receive(makeCancel("i"));
  assert.equal(rig.restart(), {
    early: [],
    facts: ["started", "ended", "withdrawn"],
    outputs: [withdrawn],
    sent: [makeFeedback("i", cancelled)],
  });
});

test("nobody is told where nobody asked to be", () => {
  const rig = makeDeferred({ capability: "plain/v1" });
  assert.equal(rig.receive(makeCancel("i")).facts, ["seen", "cancelAsked", "ended"]);
});

test("a newer attempt of what is deferred goes on with the work that is under way", () => {
  const rig = makeDeferred();
  assert.equal(rig.receive(makeInstruction("i", { attempt: 2 })).facts, [
    "seen",
    "adopted",
    "accepted",
  ]);
  assert.equal(rig.commit(makeAnswered("i")).sent, [makeFeedback("i", { attempt: 2 })]);
});

test("a newer attempt of what was withdrawn runs anew, and the withdrawal is forgotten", () => {
  const rig = makeDeferred({ finishMs: 5_000 });
  rig.nowMs += 5_000;
  rig.commit({ type: "tick" });
  const { early } = rig.receive(makeInstruction("i", { attempt: 2 }));
  assert.equal(early, [makeRun("i", { attempt: 2 })]);
  assert.equal(rig.commit({ type: "told", id: "i", attempt: 1 }), nothing);
  assert.equal(rig.restart().outputs, []);
});

test("who claims a deferred instruction holds it over a restart", () => {
  const rig = makeLinked();
  rig.receive(makeInstruction("i"));
  assert.equal(rig.commit({ type: "claimed", id: "i", holder: "wang" }), nothing);
  rig.commit({ type: "deferred", id: "i" });
  assert.equal(rig.commit({ type: "claimed", id: "i", holder: "wang" }).facts, ["claimed"]);
  assert.equal(rig.commit({ type: "claimed", id: "i", holder: "wang" }), nothing);
  rig.restart();
  assert.is(rig.kernel.state.instructions.get("i")?.holder, "wang");
});
