// Tasks, whatever people tell the desk: random commands of several people against old and new
// versions never lead to two holders, and lists and replays are always those of the tasks.

import { audit, type Task } from "@cloudbrain/hub/kernel";
import type { TaskActor, TaskCommand } from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";
import {
  chief,
  city,
  Desk,
  dispatcher,
  goodForm,
  hourMs,
  li,
  literal,
  makeHuman,
  makeReturnRule,
  makeRule,
  street,
  supervisor,
  wang,
} from "../support/task-desk.ts";

const test = suite("tasks, whatever people do");

const people = [wang, li, chief, dispatcher, supervisor];
const person = fc.constantFrom(...people.map((actor) => whoIs(actor)));
const reason = fc.constant("because");

function whoIs({ account, name, department }: TaskActor) {
  return { account, name, department };
}

const target = fc.oneof(
  person.map((it) => ({ kind: "user" as const, ...it })),
  fc.constantFrom("bureau:housing", "bureau-chief").map((group) => ({
    kind: "group" as const,
    group,
  })),
);

const command: fc.Arbitrary<TaskCommand> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: "claim" as const }) },
  fc.record({ kind: fc.constantFrom("unclaim", "return", "resolve", "resume", "remind"), reason }),
  fc.record({ kind: fc.constant("complete" as const), output: fc.constant(goodForm) }),
  fc.record({
    kind: fc.constant("decideReturn" as const),
    decision: fc.constantFrom({ kind: "insist" as const }, { kind: "reject" as const }),
    reason,
  }),
  fc.record({ kind: fc.constant("transfer" as const), to: target, reason }),
  fc.record({ kind: fc.constant("delegate" as const), to: person, reason }),
  fc.record({
    kind: fc.constant("requestExtension" as const),
    extraMs: fc.constant(hourMs),
    reason,
  }),
  fc.record({
    kind: fc.constantFrom("decideExtension" as const, "decideHanging" as const),
    grant: fc.boolean(),
    reason,
  }),
  fc.record({
    kind: fc.constant("requestHanging" as const),
    untilMs: fc.integer({ min: 0, max: 100 * hourMs }),
    reason,
  }),
  fc.record({
    kind: fc.constant("askCoHandler" as const),
    to: target,
    required: fc.boolean(),
    reason,
  }),
  fc.record({
    kind: fc.constant("answerCoHandling" as const),
    entry: fc.constantFrom("c1", "c2"),
    opinion: reason,
  }),
  fc.record({
    kind: fc.constant("evaluate" as const),
    score: fc.integer({ min: 1, max: 5 }),
    comment: reason,
  }),
);

const action = fc.record({
  actor: fc.constantFrom(...people),
  command,
  /** How many versions the actor is behind. */
  behind: fc.constantFrom(0, 0, 0, 1),
  id: fc.constantFrom("", "", "", "again"),
  waitHours: fc.constantFrom(0, 0, 0, 1, 5),
});

const rules = makeRule({
  onReturn: makeReturnRule(),
  extension: { max: 3, longestMs: 10 * hourMs, decidedBy: [literal("bureau-chief")] },
});

/** Who holds the task as far as the replies have told. */
class Witness {
  holder: string | undefined;

  saw(actor: TaskActor, taken: TaskCommand, after: Task): void {
    if (taken.kind === "claim") {
      assert.is(this.holder, undefined, `${this.holder ?? ""} and ${actor.account} hold one task`);
      this.holder = actor.account;
      return;
    }
    if (taken.kind === "complete") assert.is(this.holder, actor.account);
    const { state } = after;
    this.holder =
      state.kind === "claimed" || state.kind === "hanging" ? state.holder.account : undefined;
  }
}

for (const hub of [street, city]) {
  test(`no two people hold a task of the desk ${hub}, and no list lies`, () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const desk = new Desk(hub);
        const escalate = [
          {
            afterMs: 2 * hourMs,
            on: "unclaimed",
            action: "offerUp",
            to: [],
            channels: [],
          } as const,
          {
            afterMs: 6 * hourMs,
            on: "unfinished",
            action: "supervise",
            to: [literal("office")],
            channels: [],
          } as const,
        ];
        desk.start({ steps: [makeHuman({ human: rules, escalate })] });
        const witness = new Witness();
        for (const [index, { actor, command: told, behind, id, waitHours }] of actions.entries()) {
          if (waitHours > 0) desk.mesh.advance(waitHours * hourMs);
          const task = desk.task();
          const before = task.commands.size;
          const reply = desk.tell(actor, told, {
            version: task.version - behind,
            id: id === "" ? `c${index}` : id,
          });
          if (reply.kind === "task" && !reply.existed) witness.saw(actor, told, desk.task());
          else assert.is(desk.task().commands.size, before, "a refusal changes nothing");
          for (const { state } of desk.mesh.hubs.values()) assert.equal(audit(state), []);
        }
        desk.check();
      }),
      { numRuns: 60, seed: 20 },
    );
  });
}
