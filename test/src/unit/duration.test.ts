import { parseDuration } from "@cloudbrain/sdk/definition";
import { formatDuration } from "@cloudbrain/sdk/internal/definition/duration";
import * as assert from "uvu/assert";

import { suite } from "../support/suite.ts";

const test = suite("duration");

test("reads ISO 8601 and short forms as milliseconds", () => {
  const texts = [
    "P3D",
    "P1W",
    "PT5S",
    "PT0.5S",
    "P1DT2H3M4.005S",
    "500ms",
    "30s",
    "1.5m",
    "2h",
    "1d",
  ];
  assert.equal(
    texts.map(parseDuration),
    [259_200_000, 604_800_000, 5_000, 500, 93_784_005, 500, 30_000, 90_000, 7_200_000, 86_400_000],
  );
});

test("says what is wrong with everything else", () => {
  const texts = [
    "",
    "P",
    "PT",
    "P1DT",
    "10",
    "10 s",
    "1y",
    "P1M",
    "-PT5S",
    "-5s",
    "PT0.0001S",
    "999999999d",
  ];
  const answers = texts.map((text) => typeof parseDuration(text));
  assert.equal(
    answers,
    texts.map(() => "string"),
  );
  assert.match(String(parseDuration("P1M")), "no fixed length");
  assert.match(String(parseDuration("-PT5S")), "can't be negative");
});

test("writes milliseconds as the shortest text that reads as the same", () => {
  const texts = ["P3D", "PT4H", "PT90S", "P1DT12H", "PT0.5S", "PT1H1M1.001S", "PT0S"];
  const shortest = ["P3D", "PT4H", "PT1M30S", "P1DT12H", "PT0.5S", "PT1H1M1.001S", "PT0S"];
  assert.equal(
    texts.map((text) => formatDuration(Number(parseDuration(text)))),
    shortest,
  );
});
