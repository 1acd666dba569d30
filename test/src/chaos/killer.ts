// Killer of the chaos run: draws who dies, where and for how long, all from the seed.
//
//   C1  Every point takes an equal share of the kills. A process that does not reach its point in
//       time, since it has nothing to write, is left alone and another one is drawn.
//   C2  Two processes at most are down at the same time: more would leave nothing to disturb.

import { setTimeout as delay } from "node:timers/promises";
import type { Dice } from "../simulation/dice.ts";
import type { HostedProcess } from "../support/process-host.ts";
import { type KillPoint, killPoints } from "../support/process-messages.ts";

type Moment = KillPoint | "random";

export interface KillCounts {
  readonly byMoment: Map<Moment, number>;
  readonly byProcess: Map<string, number>;
  total: number;
}

export interface KillerOptions {
  readonly kills: number;
  readonly dice: Dice;
  readonly processes: readonly HostedProcess[];
  readonly onKill: (name: string, moment: Moment, total: number) => void;
  /** A process ended or did not come back although nobody asked for it. */
  readonly onFailure: (what: string) => void;
}

const moments: readonly Moment[] = [...killPoints, "random"];
/** How long an armed process may take to reach its point. */
const reachMs = 1_500;
/** How long a process that was told to go on may take to die nevertheless. */
const settleMs = 200;
/** Draws for each kill at most, before a point that is never reached fails the run. */
const repeatsMax = 5;

export async function killAll(options: KillerOptions): Promise<KillCounts> {
  const { dice, kills } = options;
  const counts: KillCounts = { byMoment: new Map(), byProcess: new Map(), total: 0 };
  const waiting = drawMoments(dice, kills);
  const restarts = new Set<Promise<void>>();
  const turnsMax = waiting.length * repeatsMax;
  let isFailed = false;
  const onFailure = (what: string): void => {
    isFailed = true;
    options.onFailure(what);
  };
  for (let turn = 0; waiting.length > 0 && turn < turnsMax && !isFailed; turn += 1) {
    const wanted = waiting.shift();
    if (wanted === undefined) break;
    if (restarts.size >= 2) await Promise.race(restarts);
    const target = await drawTarget(options);
    await delay(dice.whole("pause", "", { low: 20, high: 300 }));
    const end = await killOne({ ...options, onFailure }, target, wanted);
    if (end === "failed") break;
    if (end === "missed") {
      waiting.push(wanted);
      continue;
    }
    counts.byMoment.set(wanted, (counts.byMoment.get(wanted) ?? 0) + 1);
    counts.byProcess.set(target.name, (counts.byProcess.get(target.name) ?? 0) + 1);
    counts.total += 1;
    options.onKill(target.name, wanted, counts.total);
    const restart = restartLater({ ...options, onFailure }, target).finally(() =>
      restarts.delete(restart),
    );
    restarts.add(restart);
  }
  await Promise.all(restarts);
  return counts;
}

/** An equal share of each moment, in an order of the seed's. */
function drawMoments(dice: Dice, kills: number): Moment[] {
  const list: Moment[] = [];
  const share = Math.ceil(kills / moments.length);
  for (const moment of moments) {
    for (let index = 0; index < share; index += 1) list.push(moment);
  }
  for (let last = list.length - 1; last > 0; last -= 1) {
    const other = dice.whole("shuffle", "", { low: 0, high: last });
    const moved = list[last];
    const chosen = list[other];
    if (moved === undefined || chosen === undefined) continue;
    list[last] = chosen;
    list[other] = moved;
  }
  return list;
}

async function drawTarget(options: KillerOptions): Promise<HostedProcess> {
  const { dice, processes } = options;
  for (;;) {
    const target = dice.pick("target", "", processes);
    if (target.isUp) return target;
    await delay(20);
  }
}

async function killOne(
  options: KillerOptions,
  target: HostedProcess,
  wanted: Moment,
): Promise<"killed" | "missed" | "failed"> {
  if (wanted === "random") {
    await target.kill();
    return "killed";
  }
  target.arm(wanted, options.dice.whole("skip", "", { low: 0, high: 8 }));
  if (!(await isEnded(target, reachMs))) {
    target.disarm();
    if (!(await isEnded(target, settleMs))) return "missed";
  }
  const { code, signal } = await target.ended();
  if (signal === "SIGKILL") return "killed";
  const said = target.failure === undefined ? "" : `: ${target.failure.reason}`;
  const what = `${target.name} ended with ${signal ?? code} although it was not killed${said}`;
  options.onFailure(what);
  return "failed";
}

async function isEnded(target: HostedProcess, limitMs: number): Promise<boolean> {
  const waiting = new AbortController();
  const tooLate = delay(limitMs, false, { signal: waiting.signal }).catch(() => false);
  const isOver = await Promise.race([target.ended().then(() => true), tooLate]);
  waiting.abort();
  return isOver;
}

async function restartLater(options: KillerOptions, target: HostedProcess): Promise<void> {
  await delay(options.dice.whole("down", "", { low: 50, high: 500 }));
  try {
    await target.start();
  } catch (error) {
    options.onFailure(`${target.name} did not come back: ${(error as Error).message}`);
  }
}
