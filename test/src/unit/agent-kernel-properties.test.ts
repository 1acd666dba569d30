import type { AgentOutput } from "@cloudbrain/sdk/kernel";
import fc from "fast-check";
import * as assert from "uvu/assert";
import {
  AgentRig,
  type Effects,
  type EndedEvent,
  makeAnswered,
  makeCancel,
  makeEnded,
  makeInstruction,
} from "../support/agent-rig.ts";
import { suite } from "../support/suite.ts";

const test = suite("agent kernel, whatever happens");

type Action =
  | { readonly do: "instruct"; readonly id: string; readonly attempt: number; finishMs: number }
  | { readonly do: "cancel"; readonly id: string; readonly attempt: number }
  | { readonly do: "end"; readonly id: string; readonly succeeds: boolean }
  | { readonly do: "progress" | "defer"; readonly id: string }
  | { readonly do: "answer"; readonly id: string; readonly succeeds: boolean }
  | { readonly do: "claim"; readonly id: string; readonly holder: string }
  | { readonly do: "tell"; readonly id: string; readonly attempt: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "acknowledge" | "drain" | "relink" | "newHub" | "checkpoint" | "crash" };

const id = fc.constantFrom("a", "b", "c");
const attempt = fc.integer({ min: 1, max: 4 });
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("instruct" as const),
      id,
      attempt,
      finishMs: fc.constantFrom(0, 0, 3_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), id, attempt }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("end" as const), id, succeeds: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("progress" as const, "defer" as const), id }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("answer" as const), id, succeeds: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("claim" as const),
      id,
      holder: fc.constantFrom("", "wang", "li"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("tell" as const), id, attempt }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 2_000, 12_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("acknowledge", "relink", "newHub", "checkpoint", "crash", "drain"),
    }),
  },
);

/** What a hub and a vendor would see, held against the rules B2 and "counts once". */
class Observer {
  readonly rig = new AgentRig(["work/v1"], ["work/v1"]);
  /** Executions under way in this life, by instruction. */
  readonly executing = new Set<string>();
  private readonly answers = new Map<string, string>();
  private hubs = 1;
  private outputs = 0;

  constructor() {
    this.rig.link();
  }

  act(next: Action): void {
    const { rig } = this;
    if (next.do === "instruct") {
      this.observe(rig.receive(makeInstruction(next.id, next)));
    } else if (next.do === "cancel") {
      this.observe(rig.receive(makeCancel(next.id, next.attempt)));
    } else if (next.do === "end") this.end(next.id, next.succeeds);
    else if (next.do === "progress") {
      this.observe(rig.commit({ type: "progress", id: next.id, ratio: 0.5, note: "" }));
    } else if (next.do === "defer") this.defer(next.id);
    else if (next.do === "answer") this.answer(next.id, next.succeeds);
    else if (next.do === "claim") {
      this.observe(rig.commit({ type: "claimed", id: next.id, holder: next.holder }));
    } else if (next.do === "tell") {
      this.observe(rig.commit({ type: "told", id: next.id, attempt: next.attempt }));
    } else if (next.do === "wait") {
      rig.nowMs += next.ms;
      this.observe(rig.commit({ type: "tick" }));
    } else if (next.do === "acknowledge") this.observe(rig.acknowledgeAll());
    else if (next.do === "drain") this.observe(rig.commit({ type: "drain" }));
    else if (next.do === "relink") this.observe(rig.link(`hub-${this.hubs}`));
    else if (next.do === "newHub") {
      this.hubs += 1;
      this.observe(rig.link(`hub-${this.hubs}`));
    } else if (next.do === "checkpoint") rig.checkpoint();
    else this.crash();
  }

  private end(ended: string, succeeds: boolean): void {
    if (!this.executing.delete(ended)) return;
    this.observe(this.rig.commit(makeEnded(ended, this.outcome(succeeds))));
  }

  private outcome(succeeds: boolean): Partial<EndedEvent> {
    this.outputs += 1;
    if (succeeds) return { output: String(this.outputs) };
    return { outcome: "failed", output: "", errorCode: `E${this.outputs}` };
  }

  private defer(id: string): void {
    if (this.executing.delete(id)) this.observe(this.rig.commit({ type: "deferred", id }));
  }

  private answer(id: string, succeeds: boolean): void {
    this.observe(this.rig.commit(makeAnswered(id, this.outcome(succeeds))));
  }

  private crash(): void {
    const before = this.rig.kernel.dump();
    assert.equal(this.rig.recover("checkpoint").dump(), before);
    assert.equal(this.rig.recover("genesis").dump(), before);
    this.executing.clear();
    this.observe(this.rig.restart());
    this.observe(this.rig.link(`hub-${this.hubs}`));
  }

  private observe({ early, outputs, sent }: Effects): void {
    for (const output of outputs as readonly AgentOutput[]) {
      if (output.type !== "withdrawn") continue;
      // Only what has ended without its worker is withdrawn.
      assert.ok(["cancelled", "expired"].includes(output.outcome), output.outcome);
      assert.ok(this.rig.kernel.state.untold.has(output.id));
    }
    for (const output of early) {
      if (output.type !== "run") continue;
      assert.not(this.executing.has(output.id), `${output.id} is executed twice at a time`);
      this.executing.add(output.id);
    }
    for (const body of sent) {
      if (body.kind !== "feedback") continue;
      const key = `${body.id}#${body.attempt}`;
      const text = JSON.stringify(body);
      assert.is(this.answers.get(key) ?? text, text, `${key} is answered in two ways`);
      this.answers.set(key, text);
    }
  }

  /** Ends what runs; then nothing may be left open. */
  finish(): void {
    for (let round = 0; round < 3; round += 1) {
      for (const running of [...this.executing]) this.end(running, true);
      for (const deferred of [...this.rig.kernel.state.deferred]) this.answer(deferred, true);
    }
    assert.is(this.rig.kernel.state.deferred.size, 0);
    assert.equal([...this.rig.kernel.state.running], []);
    assert.is(this.rig.kernel.wakeAtMs(), undefined);
    this.crash();
  }
}

test("replay equals live, one execution at a time, one answer per attempt, no work left open", () => {
  const property = fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
    const observer = new Observer();
    for (const next of actions) observer.act(next);
    observer.finish();
  });
  fc.assert(property, { numRuns: 2_000, seed: 20_261_123 });
});
