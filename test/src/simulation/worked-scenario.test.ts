// The worked applications in the simulation in short. `npm run test:sim -- --applications` plays
// many.

import { equal, is } from "uvu/assert";
import { suite } from "../support/suite.ts";
import { runSeed } from "./world.ts";

const test = suite("the worked applications under faults");

const seedCount = 10;
const plantSeedsMax = 60;

test("seeds with faults break no rule", () => {
  for (let seed = 1; seed <= seedCount; seed += 1) {
    equal(runSeed({ seed, worked: true }).violations, [], `seed ${seed}`);
  }
});

test("a seed gives the same trace twice", () => {
  const run = () => runSeed({ seed: 3, worked: true }).traceHash;
  is(run(), run());
});

for (const plant of ["delta-aggregation", "claim-without-compare", "dedupe-off"] as const) {
  test(`the planted bug ${plant} is caught`, () => {
    let isCaught = false;
    for (let seed = 1; seed <= plantSeedsMax && !isCaught; seed += 1) {
      isCaught = runSeed({ seed, worked: true, plant }).violations.length > 0;
    }
    is(isCaught, true);
  });
}
