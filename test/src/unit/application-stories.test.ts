// The worked applications in virtual time: every story on a stage of its own.

import * as assert from "uvu/assert";
import { cast } from "../applications/cast.ts";
import { hotlineStories } from "../applications/hotline-stories.ts";
import type { Story } from "../applications/story.ts";
import { openVirtualStage } from "../applications/virtual-stage.ts";
import { suite } from "../support/suite.ts";

const test = suite("the worked applications in virtual time");

/** A story takes less than this of ours, weeks of virtual time included. */
const realMsMax = 2_000;

async function play({ startsAt, plot }: Story): Promise<void> {
  const stage = await openVirtualStage(cast, { startsAt });
  try {
    await plot(stage);
  } finally {
    await stage.close();
  }
}

for (const story of hotlineStories) {
  test(story.name, async () => {
    const beganMs = performance.now();
    await play(story);
    const tookMs = performance.now() - beganMs;
    assert.ok(tookMs < realMsMax, `it took ${Math.round(tookMs)} ms`);
  });
}
