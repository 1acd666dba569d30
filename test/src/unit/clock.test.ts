import { setImmediate as nextTurn } from "node:timers/promises";
import { Alarm, type Clock, createClock } from "@cloudbrain/sdk/journal";
import * as assert from "uvu/assert";
import { waitFor } from "../support/mesh-waiting.ts";
import { suite } from "../support/suite.ts";

const test = suite("clock");

/** Rings are due in a moment; this is patience with the machine only. */
const limitMs = 10_000;
const hourMs = 3_600_000;

test("what has become due because the clock was set is done at the next look", async () => {
  let nowMs = 1_000;
  const woken: number[] = [];
  const clock = createClock(() => nowMs, 20);
  clock.wakeAt(hourMs, () => woken.push(nowMs));
  // A timer that knew only the delay would now sleep for an hour.
  nowMs = hourMs + 5;
  await waitFor({ what: "the wake", limitMs }, () => woken[0]);
  assert.equal(woken, [hourMs + 5]);
});

test("nobody is woken before the clock shows the time, however often it is looked at", async () => {
  let nowMs = 1_000;
  let reads = 0;
  const woken: number[] = [];
  const clock = createClock(() => {
    reads += 1;
    return nowMs;
  }, 1);
  clock.wakeAt(1_010, () => woken.push(nowMs));
  await waitFor({ what: "several looks", limitMs }, () => (reads > 6 ? true : undefined));
  assert.equal(woken, []);
  nowMs = 1_010;
  await waitFor({ what: "the wake", limitMs }, () => woken[0]);
});

test("a wake that was taken back does not come, also after a look", async () => {
  let nowMs = 0;
  let reads = 0;
  const woken: string[] = [];
  const clock = createClock(() => {
    reads += 1;
    return nowMs;
  }, 1);
  const cancel = clock.wakeAt(50, () => woken.push("cancelled"));
  await waitFor({ what: "several looks", limitMs }, () => (reads > 6 ? true : undefined));
  cancel();
  clock.wakeAt(60, () => woken.push("kept"));
  nowMs = 60;
  await waitFor({ what: "the other wake", limitMs }, () => woken[0]);
  assert.equal(woken, ["kept"]);
});

/** A clock whose time and wakes the test moves by hand. */
class HandClock implements Clock {
  nowMs = 0;
  readonly wakes = new Map<() => void, number>();

  now(): number {
    return this.nowMs;
  }

  wakeAt(atMs: number, run: () => void): () => void {
    this.wakes.set(run, atMs);
    return () => this.wakes.delete(run);
  }

  async passTo(nowMs: number): Promise<void> {
    this.nowMs = nowMs;
    for (const [run, atMs] of [...this.wakes]) {
      if (atMs > nowMs) continue;
      this.wakes.delete(run);
      run();
    }
    await nextTurn();
  }
}

test("an alarm rings once, at the earliest time that it was set to", async () => {
  const clock = new HandClock();
  let rings = 0;
  const alarm = new Alarm(clock, () => {
    rings += 1;
  });
  alarm.set(500, 0);
  alarm.set(undefined, 0);
  alarm.set(200, 0);
  alarm.set(300, 0);
  assert.equal([...clock.wakes.values()], [200]);
  await clock.passTo(200);
  assert.is(rings, 1);
  await clock.passTo(600);
  assert.is(rings, 1, "who is woken asks again");
  alarm.set(700, 600);
  alarm.stop();
  await clock.passTo(800);
  assert.is(rings, 1);
});

test("what journal time has reached is due, though the clock was set back", () => {
  const clock = new HandClock();
  clock.nowMs = 1_000;
  const alarm = new Alarm(clock, () => undefined);
  alarm.set(5_000, 6_000);
  assert.equal([...clock.wakes.values()], [1_000]);
});
