// The worked applications in virtual time: every story on a stage of its own.

import * as assert from "uvu/assert";
import { cast } from "../applications/cast.ts";
import { branchesMissing, stories } from "../applications/stories.ts";
import type { Story } from "../applications/story.ts";
import { openVirtualStage } from "../applications/virtual-stage.ts";
import { suite } from "../support/suite.ts";

const test = suite("the worked applications in virtual time");

/** A story costs less than this of our processor, weeks of virtual time included. */
const processorMsMax = 2_000;

async function play({ startsAt, plot }: Story): Promise<void> {
  const stage = await openVirtualStage(cast, { startsAt });
  try {
    await plot(stage);
  } finally {
    await stage.close();
  }
}

// What a process does once, such as compiling, is no story's.
test.before(async () => {
  const stage = await openVirtualStage(cast, { startsAt: new Date("2026-01-05T01:00:00Z") });
  await stage.close();
});

for (const story of stories) {
  test(story.name, async () => {
    const before = process.cpuUsage();
    await play(story);
    const { user, system } = process.cpuUsage(before);
    const tookMs = (user + system) / 1_000;
    assert.ok(tookMs < processorMsMax, `it took ${Math.round(tookMs)} ms`);
  });
}

test("the stories take every branch", () => {
  assert.equal(branchesMissing(stories), []);
  const [first, ...others] = stories.filter(({ takes }) => takes.includes("timer over a holiday"));
  assert.ok(first !== undefined && others.length === 0);
  assert.equal(branchesMissing(stories.filter((story) => story !== first)), [
    "co-handling",
    "signal",
    "timer over a holiday",
  ]);
});

test("the stories can share a stage: each has a name and a time of its own", () => {
  const times = new Set(stories.map(({ startsAt }) => startsAt.getTime()));
  const names = new Set(stories.map(({ name }) => name));
  assert.equal([times.size, names.size], [stories.length, stories.length]);
});
