// Clerks: the people at the desks of a world. They look at their worklists, act on what they have
// seen, ask again when they hear nothing, and now and then behave as badly as the faults ask for.
//
//   P1  Between the look and the command the task may have changed: then the desk says so.
//   P2  The ledger holds every command that a desk has acknowledged.

import type { HubReply, TaskSummary } from "@cloudbrain/hub/kernel";
import { supervisorsGroup, type TaskActor, type TaskCommand } from "@cloudbrain/sdk/domain";
import { hashText } from "./dice.ts";
import { numberOf } from "./scenarios.ts";
import type { SimHub } from "./sim-hub.ts";
import type { World } from "./world.ts";

export interface TakenCommand {
  readonly hub: string;
  /** Store of the hub that has acknowledged it. */
  readonly store: string;
  readonly task: string;
  readonly kind: TaskCommand["kind"];
  readonly commandId: string;
}

const replyMs = 6_000;
const triesMax = 20;
/** Tasks that a person deals with at a sitting. */
const sittingMax = 4;

interface Order {
  readonly actor: TaskActor;
  readonly task: string;
  readonly command: TaskCommand;
  readonly commandId: string;
  readonly expectedVersion: number;
  tries: number;
}

export class Clerks {
  readonly taken: TakenCommand[] = [];
  /** How often somebody was told that the task is another's. */
  lostRaces = 0;
  private readonly world: World;
  private lastCommand = 0;
  private reports = 0;

  constructor(world: World) {
    this.world = world;
  }

  open(): void {
    const { hubs, scenario } = this.world;
    for (const hub of hubs) {
      for (const actor of scenario.staff.at(hub.address)) this.work(hub, actor);
    }
  }

  private work(hub: SimHub, actor: TaskActor): void {
    const { dice, timeline } = this.world;
    const place = `${hub.address} ${actor.account}`;
    timeline.schedule(dice.whole("clerk looks", place, { low: 500, high: 4_000 }), () => {
      if (hub.isUp) this.sit(hub, actor, place);
      this.work(hub, actor);
    });
  }

  private sit(hub: SimHub, actor: TaskActor, place: string): void {
    const nowMs = hub.journal?.now() ?? 0;
    if (this.takesDetour("meddles", place)) this.meddle(hub, actor, place, nowMs);
    for (const filter of ["mine", "offered"] as const) {
      const { tasks } = hub.hub.worklist({ actor, filter, limit: sittingMax }, nowMs);
      for (const task of tasks) {
        const command = this.decide(hub, actor, task, place);
        if (command !== undefined) this.order(hub, actor, task, command);
      }
    }
  }

  /** Some look after the tasks of others. */
  private meddle(hub: SimHub, actor: TaskActor, place: string, nowMs: number): void {
    const { dice, scenario } = this.world;
    const filter = actor.groups.includes(supervisorsGroup) ? "all" : "history";
    const { tasks } = hub.hub.worklist({ actor, filter, limit: sittingMax }, nowMs);
    if (tasks.length === 0) return;
    const task = dice.pick("whose task", place, tasks);
    const commands = scenario.staff.asides(hub, actor, task);
    if (commands.length > 0) this.order(hub, actor, task, dice.pick("aside", place, commands));
  }

  private takesDetour(tag: string, place: string): boolean {
    const { dice, faults, scenario } = this.world;
    return dice.chance(tag, place, faults.restless(scenario.staff.restless));
  }

  private order(hub: SimHub, actor: TaskActor, task: TaskSummary, command: TaskCommand): void {
    this.lastCommand += 1;
    const commandId = `${actor.account}-${this.lastCommand}`;
    const expectedVersion = task.version;
    this.send(hub, { actor, task: task.id, command, commandId, expectedVersion, tries: 0 });
  }

  private send(hub: SimHub, order: Order): void {
    const { world } = this;
    order.tries += 1;
    let isAnswered = false;
    world.timeline.schedule(world.net.latencyMs("clerk"), () => {
      const { actor, task, command, commandId, expectedVersion } = order;
      const { storeId } = hub;
      hub.request(
        (request) => ({
          type: "taskCommand",
          request,
          task,
          command,
          commandId,
          expectedVersion,
          actor,
        }),
        (reply) => {
          if (world.faults.losesReply()) return;
          world.timeline.schedule(world.net.latencyMs("clerk"), () => {
            isAnswered = true;
            this.answered(hub, storeId, order, reply);
          });
        },
      );
    });
    world.timeline.schedule(replyMs, () => {
      if (!isAnswered && order.tries < triesMax) this.send(hub, order);
    });
  }

  private answered(hub: SimHub, store: string, order: Order, reply: HubReply): void {
    const { task, command, commandId, actor } = order;
    if (reply.kind === "task") {
      this.taken.push({ hub: hub.address, store, task, kind: command.kind, commandId });
      return;
    }
    if (reply.kind !== "refused") return;
    if (reply.code === "TASK_TAKEN") this.lostRaces += 1;
    if (reply.code === "TASK_TAKEN" && reply.detail.includes(`(${actor.account})`)) {
      this.world.checkers.violation("tasks", task, `${actor.account} lost it to themselves`);
    }
    // A person acts on what a list has shown: only what others did meanwhile is in the way.
    const mayBe = ["TASK_TAKEN", "TASK_CHANGED", "TASK_STATE", "TASK_UNKNOWN", "NOT_ALLOWED"];
    if (!mayBe.includes(reply.code)) {
      const detail = `${command.kind} is refused: ${reply.code} ${reply.detail}`;
      this.world.checkers.violation("tasks", task, detail);
    }
  }

  /** What this person does with the task that they see; undefined: nothing for now. */
  private decide(
    hub: SimHub,
    actor: TaskActor,
    task: TaskSummary,
    place: string,
  ): TaskCommand | undefined {
    const { dice, faults, scenario } = this.world;
    const { staff } = scenario;
    const reason = "as the simulation wished";
    // Some tasks lie until they expire.
    if (faults.vector.badHandlers > 0 && hashText(task.id) % 12 === 0) return undefined;
    switch (task.ask) {
      case "claim":
        if (staff.sendsBack(actor) && dice.chance("sends back", place, faults.badHandlers() / 4))
          return { kind: "return", reason };
        return { kind: "claim" };
      case "decideReturn": {
        const decision = dice.pick("rejects", place, staff.decisions(task));
        return { kind: "decideReturn", decision, reason };
      }
      case "decideExtension":
      case "decideHanging":
        return { kind: task.ask, grant: dice.chance("grants", place, 0.6), reason };
      case "coHandle": {
        const entry = hub.hub.state.tasks
          .get(task.id)
          ?.coHandlers.find(({ state }) => state === "asked");
        return entry && { kind: "answerCoHandling", entry: entry.id, opinion: reason };
      }
      case "work":
        return this.workOn(hub, actor, task, place);
      case "watch":
      case undefined:
        return undefined;
    }
  }

  private workOn(
    hub: SimHub,
    actor: TaskActor,
    task: TaskSummary,
    place: string,
  ): TaskCommand | undefined {
    const { dice, faults, scenario } = this.world;
    const reason = "as the simulation wished";
    if (task.owner !== undefined) return { kind: "resolve", reason };
    if (task.state === "hanging") return undefined;
    const errs = dice.chance("clerk errs", place, faults.badHandlers());
    if (errs || this.takesDetour("detour", place)) {
      const commands = scenario.staff.detours(hub, actor, task);
      const command = dice.pick("how a clerk errs", place, commands);
      const isOwn = command.kind === "delegate" && command.to.account === actor.account;
      return isOwn ? undefined : command;
    }
    const spec = hub.hub.state.tasks.get(task.id)?.spec;
    // Who may revise tells what is known so far, more than once.
    const reports = spec?.revise === true && dice.chance("clerk reports", place, 0.5);
    this.reports += reports ? 1 : 0;
    const tag = reports ? `${task.id}r${this.reports}` : task.id;
    this.world.checkers.returned(tag, hub.address);
    const v = numberOf(tag);
    const output = { tag, v, big: v >= 500, ...scenario.staff.formOf(task, tag) };
    return { kind: reports ? "report" : "complete", output };
  }
}
