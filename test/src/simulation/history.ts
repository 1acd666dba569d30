// History: what must hold over all facts that a node has ever kept, read from its disk.
//
//   - the hash chain and the sequence of records (J1, J2), journal time never going back (D4)
//   - a lane's received sequences are contiguous: nothing twice, nothing skipped (N3)
//   - one chain per key (I1), attempts of an instruction grow, an instruction ends once
//   - partials grow in version and end with the final one (I6)
//   - after a cancellation, a withdrawal or an end nothing is dispatched any more, but for members
//     of a fan-out that goes on after its result (`late: revise`, ADR 0018)

import type { HubFact } from "@cloudbrain/hub/kernel";
import type { Application, Fact } from "@cloudbrain/sdk/domain";
import { decodeJournalKey, journalKey } from "@cloudbrain/sdk/internal/journal/keys";
import { genesisHash, unpackRecord } from "@cloudbrain/sdk/internal/journal/record";
import type { NodeView } from "./node-view.ts";
import { checkTaskLedger, TaskHistory } from "./task-history.ts";
import type { World } from "./world.ts";

type Report = (rule: string, subject: string, detail: string) => void;

/** All facts of a node, in order; the hash chain is verified on the way. */
export function factsOf(node: NodeView, report: Report): readonly Fact[] {
  const facts: Fact[] = [];
  let hash = genesisHash as Uint8Array;
  let expected = 1;
  let atMs = 0;
  const range = { gte: journalKey(1), lt: journalKey(Number.MAX_SAFE_INTEGER) };
  for (const { key, value } of node.disk.list(range)) {
    const seq = decodeJournalKey(key);
    if (seq !== expected)
      report("J2", node.address, `record ${seq} follows record ${expected - 1}`);
    expected = seq + 1;
    const unpacked = unpackRecord(seq, value, hash);
    hash = unpacked.hash;
    if (unpacked.record.atMs < atMs)
      report("D4", node.address, `record ${seq} is earlier than the last`);
    atMs = unpacked.record.atMs;
    facts.push(...unpacked.record.facts);
  }
  return facts;
}

type ChainPhase = "running" | "cancelling" | "compensating" | "ended";

class HubHistory {
  private readonly received = new Map<string, number>();
  private readonly chainByKey = new Map<string, string>();
  private readonly chainState = new Map<string, ChainPhase>();
  private readonly attempts = new Map<string, number>();
  private readonly ended = new Set<string>();
  private readonly partials = new Map<string, { version: number; final: boolean }>();
  private readonly emitted = new Map<string, { version: number; final: boolean }>();
  private readonly withdrawn = new Set<string>();
  /** Application of a chain that started here, by chain. */
  private readonly applicationOf = new Map<string, string>();
  /** Fan-outs whose result was given and whose members go on. */
  private readonly late = new Set<string>();
  private readonly revisions = new Map<string, number>();
  private readonly address: string;
  private readonly applications: readonly Application[];
  private readonly report: Report;

  constructor(address: string, applications: readonly Application[], report: Report) {
    this.address = address;
    this.applications = applications;
    this.report = report;
  }

  check(fact: HubFact): void {
    switch (fact.t) {
      case "received": {
        const lane = `${fact.peer} ${fact.lane}`;
        const last = this.received.get(lane) ?? 0;
        if (fact.from !== last + 1) {
          this.report("N3", this.address, `${lane}: ${fact.from} to ${fact.to} after ${last}`);
        }
        this.received.set(lane, fact.to);
        return;
      }
      case "linkUp":
        if (fact.reset) {
          for (const lane of this.received.keys()) {
            if (lane.startsWith(`${fact.peer} `)) this.received.delete(lane);
          }
        }
        return;
      case "chainStarted": {
        const key = `${fact.application.split("@")[0]} ${fact.key}`;
        const other = this.chainByKey.get(key);
        if (other !== undefined) this.report("I1", fact.chain, `key ${key} belongs to ${other}`);
        this.chainByKey.set(key, fact.chain);
        if (this.chainState.has(fact.chain)) this.report("I1", fact.chain, "it starts twice");
        if (fact.parent !== undefined) this.dispatched(fact.parent.chain, fact.chain);
        this.chainState.set(fact.chain, "running");
        this.applicationOf.set(fact.chain, fact.application);
        return;
      }
      case "chainCancelling":
        this.move(fact.chain, "cancelling");
        return;
      case "chainCompensating":
        this.move(fact.chain, "compensating");
        return;
      case "compensationStarted":
        this.undoes(fact.chain, fact.task);
        return;
      case "membersPut":
        if (fact.members.some(({ queued }) => queued !== true)) {
          this.dispatched(fact.fanout.slice(0, fact.fanout.indexOf(".")), fact.fanout);
        }
        return;
      case "revised": {
        const member = `${fact.fanout}!${fact.member}`;
        const last = this.revisions.get(member) ?? -1;
        if (fact.revision <= last) {
          this.report("I4", member, `revision ${fact.revision} after ${last}`);
        }
        this.revisions.set(member, fact.revision);
        return;
      }
      case "fanoutEnded":
        if (fact.state === "succeeded" && this.revisesLate(fact.fanout)) this.late.add(fact.fanout);
        return;
      case "fanoutClosed":
        this.late.delete(fact.fanout);
        return;
      case "chainEnded":
        this.move(fact.chain, "ended");
        return;
      case "serviceStarted":
        this.dispatched(fact.chain, `${fact.chain}.${fact.step}`);
        return;
      case "waitBegun":
        this.dispatched(fact.chain, `${fact.chain}.${fact.step}`);
        return;
      case "fanoutOpened":
        this.reopened(fact.fanout);
        if (fact.compensates !== undefined) this.undoes(fact.chain, fact.fanout);
        else if (fact.upstream === undefined) this.dispatched(fact.chain, fact.fanout);
        return;
      case "offered":
        this.offered(fact);
        return;
      case "ended":
        if (this.ended.has(fact.id)) this.report("I4", fact.id, "the instruction ends twice");
        this.ended.add(fact.id);
        return;
      case "withdrawn":
        this.withdrawn.add(fact.fanout);
        return;
      case "delegatedAgain":
        this.partials.delete(`${fact.fanout} ${fact.child}`);
        return;
      case "partialReceived":
        this.grows(this.partials, `${fact.fanout} ${fact.child}`, fact);
        return;
      case "partialEmitted":
        this.grows(this.emitted, fact.fanout, fact);
        return;
      default:
        return;
    }
  }

  private revisesLate(fanout: string): boolean {
    const [step = "", ...chain] = fanout.split(".").slice(0, -1).reverse();
    const name = this.applicationOf.get(chain.reverse().join("."));
    const application = this.applications.find(({ id, version }) => `${id}@${version}` === name);
    const found = application?.steps.find(({ id }) => id === step);
    return found?.type === "fanout" && found.aggregate.late === "revise";
  }

  /** A hub above that has lost its store asks again: the whole part is done once more. */
  private reopened(fanout: string): void {
    this.emitted.delete(fanout);
    this.withdrawn.delete(fanout);
    for (const key of this.partials.keys()) {
      if (key.startsWith(`${fanout} `)) this.partials.delete(key);
    }
    for (const ids of [this.ended, this.attempts, this.revisions]) {
      for (const id of ids.keys()) if (id.startsWith(`${fanout}!`)) ids.delete(id);
    }
  }

  private move(chain: string, state: ChainPhase): void {
    if (this.chainState.get(chain) === "ended")
      this.report("terminal", chain, `${state} after its end`);
    this.chainState.set(chain, state);
  }

  /** At the origin of the chain; hubs below are asked by it. */
  private undoes(chain: string, subject: string): void {
    const state = this.chainState.get(chain);
    if (state === undefined || state === "compensating") return;
    this.report("I11", subject, `undone while the chain is ${state}`);
  }

  private dispatched(chain: string, subject: string): void {
    const state = this.chainState.get(chain);
    if (state === "cancelling" || state === "ended") {
      this.report("cancelled", subject, `dispatched while the chain is ${state}`);
    }
  }

  private offered(fact: Extract<HubFact, { t: "offered" }>): void {
    const [run = ""] = fact.id.split("!");
    const chain = run.split(".").slice(0, -2).join(".");
    const goesOn = this.late.has(run) && this.chainState.get(chain) === "ended";
    if (this.chainState.has(chain) && !goesOn) this.dispatched(chain, fact.id);
    const member = fact.id.indexOf("!");
    if (member >= 0 && this.withdrawn.has(fact.id.slice(0, member))) {
      this.report("withdrawn", fact.id, "offered again after the withdrawal");
    }
    const last = this.attempts.get(fact.id) ?? 1;
    if (fact.attempt <= last) this.report("I7", fact.id, `attempt ${fact.attempt} after ${last}`);
    this.attempts.set(fact.id, fact.attempt);
  }

  private grows(
    seen: Map<string, { version: number; final: boolean }>,
    key: string,
    fact: { readonly version: number; readonly final: boolean },
  ): void {
    const last = seen.get(key);
    if (last?.final === true) this.report("I6", key, `version ${fact.version} after the final one`);
    if (last !== undefined && fact.version <= last.version) {
      this.report("I6", key, `version ${fact.version} after ${last.version}`);
    }
    seen.set(key, { version: fact.version, final: fact.final });
  }
}

export function checkHistories(world: World): void {
  const report: Report = (...words) => world.checkers.violation(...words);
  const tasks = new Map<string, TaskHistory>();
  for (const hub of world.hubs) {
    const history = new HubHistory(hub.address, world.scenario.applications, report);
    const ofTasks = new TaskHistory(report);
    tasks.set(hub.address, ofTasks);
    for (const fact of factsOf(hub, report)) {
      history.check(fact as HubFact);
      ofTasks.check(fact as HubFact);
    }
  }
  checkTaskLedger(world, tasks);
  for (const agent of world.agents) factsOf(agent, report);
}
