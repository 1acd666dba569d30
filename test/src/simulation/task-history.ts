// Task history: what must hold over all task facts that a desk has ever kept.
//
//   - a task opens once, has one holder at a time, is completed by its holder and ends once
//   - a command that was acknowledged is in the facts, once, unless its store is gone
//   - a chain whose step took a task's answer took it from a task that its desk has completed

import type { HubFact } from "@cloudbrain/hub/kernel";
import { isJsonObject } from "@cloudbrain/sdk/domain";
import { chainsOf } from "./outcome.ts";
import type { World } from "./world.ts";

type Report = (rule: string, subject: string, detail: string) => void;
type TaskChanged = Extract<HubFact, { t: "taskChanged" }>;

interface Hands {
  holder: string | undefined;
  owner: string | undefined;
  /** Who held it when it went to the dispatch desk. */
  returned: string | undefined;
  isEnded: boolean;
}

export class TaskHistory {
  /** How often each command was taken. */
  readonly commands = new Map<string, number>();
  readonly completed = new Set<string>();
  private readonly hands = new Map<string, Hands>();
  private readonly report: Report;

  constructor(report: Report) {
    this.report = report;
  }

  check(fact: HubFact): void {
    if (fact.t === "taskOpened") {
      const id = `${fact.instruction}#${fact.attempt}`;
      if (this.hands.has(id)) this.report("tasks", id, "it opens twice");
      const nobody = { holder: undefined, owner: undefined, returned: undefined };
      this.hands.set(id, { ...nobody, isEnded: false });
    } else if (fact.t === "taskChanged") this.changed(fact);
  }

  private changed(fact: TaskChanged): void {
    const { task, change, command } = fact;
    const hands = this.hands.get(task);
    if (hands === undefined) {
      this.report("tasks", task, `${change.kind} before it opens`);
      return;
    }
    if (hands.isEnded && change.kind !== "evaluated") {
      this.report("tasks", task, `${change.kind} after its end`);
    }
    if (command !== undefined) {
      this.commands.set(command.id, (this.commands.get(command.id) ?? 0) + 1);
    }
    this.pass(task, hands, fact);
  }

  /** Follows the task from hand to hand. */
  private pass(task: string, hands: Hands, { change, by }: TaskChanged): void {
    switch (change.kind) {
      case "claimed":
        if (hands.holder !== undefined) {
          this.report("tasks", task, `${hands.holder} and ${by?.account} hold it`);
        }
        hands.holder = by?.account;
        return;
      case "delegated":
        hands.owner = hands.holder;
        hands.holder = change.to.account;
        return;
      case "resolved":
        hands.holder = hands.owner;
        hands.owner = undefined;
        return;
      case "returning":
        hands.returned = hands.holder;
        hands.holder = undefined;
        return;
      case "insisted":
        hands.holder = hands.returned;
        return;
      case "unclaimed":
        hands.holder = undefined;
        return;
      case "transferred":
        hands.holder = change.to.kind === "user" ? change.to.account : undefined;
        return;
      case "completed":
        if (by?.account !== hands.holder) {
          this.report("tasks", task, `${by?.account} completes what ${hands.holder} holds`);
        }
        hands.isEnded = true;
        this.completed.add(task);
        return;
      case "returned":
      case "cancelled":
      case "expired":
        hands.isEnded = true;
    }
  }
}

/** The ledger of the clerks and the outputs of the chains, against the facts of all desks. */
export function checkTaskLedger(world: World, histories: ReadonlyMap<string, TaskHistory>): void {
  const { checkers, clerks, hubs } = world;
  for (const { hub, store, task, kind, commandId } of clerks.taken) {
    if (world.hubAt(hub)?.storeId !== store) continue;
    const count = histories.get(hub)?.commands.get(commandId) ?? 0;
    if (count === 1) continue;
    checkers.violation("tasks", task, `${kind} was acknowledged, ${count} facts tell of it`);
  }
  // What a desk has done goes with its store when that is replaced.
  if (hubs.some(({ stores }) => stores > 1)) return;
  const completed = new Set([...histories.values()].flatMap((history) => [...history.completed]));
  for (const hub of hubs) {
    for (const { id, steps } of chainsOf(hub).values()) {
      for (const { id: step, type, state, output } of steps) {
        if (type !== "human" || state !== "succeeded" || !isJsonObject(output)) continue;
        if (completed.has(String(output["tag"]))) continue;
        const detail = `its output ${String(output["tag"])} was never completed at a desk`;
        checkers.violation("tasks", `${id}.${step}`, detail);
      }
    }
  }
}
