// Corrections of an agent: a later output in place of the one that was given.

import * as assert from "uvu/assert";
import { AgentRig, makeEnded, makeFeedback, makeInstruction } from "../support/agent-rig.ts";
import { suite } from "../support/suite.ts";

const test = suite("corrections of an agent");

function makeLinked(): AgentRig {
  const rig = new AgentRig();
  rig.link();
  return rig;
}

const nothing = { early: [], facts: [], outputs: [], sent: [] };

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
