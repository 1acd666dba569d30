import {
  addWorkingTime,
  formatDay,
  limits,
  parseDay,
  type WorkingCalendar,
  weekdayOf,
  workingTimeBetween,
} from "@cloudbrain/sdk/domain";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { MinuteWalk } from "../support/minute-walk.ts";
import { suite } from "../support/suite.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

const days = suite("civil days");

days("a day is the same as that of Date in UTC, for four centuries around 1970", () => {
  for (let day = -73_000; day <= 73_000; day += 1) {
    const date = new Date(day * dayMs);
    const text = date.toISOString().slice(0, 10);
    if (formatDay(day) !== text || parseDay(text) !== day) assert.is(formatDay(day), text);
    if (weekdayOf(day) % 7 !== date.getUTCDay()) assert.is(weekdayOf(day), date.getUTCDay());
  }
});

days("what is no date of the calendar is refused", () => {
  const texts = ["2026-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-1", "26-01-01"];
  assert.equal(
    [...texts, "", "2026-01-01T00:00", "2100-02-29"].map(parseDay),
    Array.from({ length: 9 }, () => undefined),
  );
  assert.equal(["2028-02-29", "2000-02-29"].map(parseDay), [21_243, 11_016]);
});

/** 08:30-12:00 and 13:30-17:30 from Monday to Friday, 7.5 h; one Friday off, its Sunday worked. */
const office: WorkingCalendar = {
  name: "office",
  utcOffsetMinutes: 480,
  hours: [
    { fromMinute: 510, toMinute: 720 },
    { fromMinute: 810, toMinute: 1_050 },
  ],
  weekdays: new Set([1, 2, 3, 4, 5]),
  closedDays: new Set([parseDay("2026-06-19") ?? 0]),
  openedDays: new Set([parseDay("2026-06-21") ?? 0]),
  knownUntil: undefined,
};

function at(local: string): number {
  return Date.parse(`${local.replace(" ", "T")}:00+08:00`);
}

function shown(timeMs: number | undefined): string | undefined {
  if (timeMs === undefined) return undefined;
  return new Date(timeMs + 8 * hourMs).toISOString().slice(0, 16).replace("T", " ");
}

const rule = suite("working time");

// 2026-06-04 is a Thursday.
const examples: readonly [from: string, hours: number, due: string][] = [
  ["2026-06-04 10:00", 2, "2026-06-04 12:00"],
  ["2026-06-04 11:00", 2, "2026-06-04 14:30"],
  ["2026-06-04 12:30", 2, "2026-06-04 15:30"],
  ["2026-06-04 06:00", 1, "2026-06-04 09:30"],
  ["2026-06-04 08:30", 7.5, "2026-06-04 17:30"],
  ["2026-06-05 17:00", 2, "2026-06-08 10:00"],
  ["2026-06-05 17:30", 2, "2026-06-08 10:30"],
  ["2026-06-05 20:00", 2, "2026-06-08 10:30"],
  ["2026-06-06 11:00", 2, "2026-06-08 10:30"],
  ["2026-06-05 16:00", 24, "2026-06-08 16:00"],
  ["2026-06-06 11:00", 24, "2026-06-09 08:30"],
  ["2026-06-04 12:30", 24, "2026-06-05 13:30"],
  ["2026-06-04 10:00", 26, "2026-06-05 12:00"],
  ["2026-06-04 16:30", 26, "2026-06-08 09:30"],
  ["2026-06-04 10:00", 20, "2026-06-05 10:00"],
  ["2026-06-18 16:00", 24, "2026-06-21 16:00"],
  ["2026-06-18 16:00", 72, "2026-06-23 16:00"],
];

rule("a day of a duration is a working day, the rest are working hours", () => {
  assert.equal(
    examples.map(([from, hours]) => shown(addWorkingTime(office, at(from), hours * hourMs))),
    examples.map(([, , due]) => due),
  );
});

rule("a duration of zero is due at once, or at the next opening", () => {
  const froms = ["2026-06-04 10:00", "2026-06-04 12:00", "2026-06-04 17:30", "2026-06-06 11:00"];
  assert.equal(
    froms.map((from) => shown(addWorkingTime(office, at(from), 0))),
    ["2026-06-04 10:00", "2026-06-04 13:30", "2026-06-05 08:30", "2026-06-08 08:30"],
  );
});

rule("time between counts working days as 24 h and the rest in working hours", () => {
  const spans: readonly [from: string, to: string, hours: number][] = [
    ["2026-06-04 10:00", "2026-06-04 11:30", 1.5],
    ["2026-06-04 11:00", "2026-06-04 14:30", 2],
    ["2026-06-04 12:10", "2026-06-04 13:20", 0],
    ["2026-06-04 08:30", "2026-06-04 17:30", 24],
    ["2026-06-04 10:00", "2026-06-05 10:00", 24],
    ["2026-06-05 16:30", "2026-06-09 09:30", 24 + 2],
    ["2026-06-05 18:00", "2026-06-07 23:00", 0],
    ["2026-06-18 16:00", "2026-06-22 16:00", 48],
    ["2026-06-05 10:00", "2026-06-04 10:00", 0],
  ];
  assert.equal(
    spans.map(([from, to]) => workingTimeBetween(office, at(from), at(to))),
    spans.map(([, , hours]) => hours * hourMs),
  );
});

rule("milliseconds are kept", () => {
  const from = at("2026-06-05 17:29") + 59_999;
  assert.is(addWorkingTime(office, from, 2), at("2026-06-08 08:30") + 1);
  assert.is(workingTimeBetween(office, from, at("2026-06-08 08:30") + 1), 2);
});

rule("what can't be counted is refused, and a calendar that never opens ends the walk", () => {
  const from = at("2026-06-04 10:00");
  const tooLongMs = limits.workingTimeYearsMax * 367 * dayMs;
  const never: WorkingCalendar = { ...office, weekdays: new Set(), openedDays: new Set() };
  const answers = [
    addWorkingTime(office, from, -1),
    addWorkingTime(office, from, Number.NaN),
    addWorkingTime(office, Number.POSITIVE_INFINITY, 1),
    addWorkingTime(office, from, 0.5),
    addWorkingTime(office, from, tooLongMs),
    workingTimeBetween(office, from, from + tooLongMs),
    workingTimeBetween(office, Number.NaN, from),
    addWorkingTime(never, from, 0),
    workingTimeBetween(never, from, from + dayMs),
  ];
  assert.equal(
    answers,
    answers.map(() => undefined),
  );
  // Nearly the longest that is counted: 5,200 weeks.
  assert.is(shown(addWorkingTime(office, from, 26_000 * dayMs)), "2126-01-31 10:00");
});

const properties = suite("properties of working time");

const windowStart = parseDay("2026-06-01") ?? 0;
const windowStartMs = at("2026-06-01 00:00");
const anyDay = fc.integer({ min: 0, max: 60 }).map((offset) => windowStart + offset);
const anyHours = fc
  .uniqueArray(fc.integer({ min: 0, max: 1_440 }), { minLength: 2, maxLength: 6 })
  .map((minutes) => {
    const sorted = minutes.toSorted((a, b) => a - b);
    return Array.from({ length: Math.floor(sorted.length / 2) }, (_, index) => ({
      fromMinute: sorted[2 * index] ?? 0,
      toMinute: sorted[2 * index + 1] ?? 0,
    }));
  });
const anyCalendar: fc.Arbitrary<WorkingCalendar> = fc
  .record({
    hours: anyHours,
    utcOffsetMinutes: fc.constantFrom(-300, 0, 330, 480),
    weekdays: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 2 }),
    closed: fc.uniqueArray(anyDay, { maxLength: 20 }),
    opened: fc.uniqueArray(anyDay, { maxLength: 10 }),
  })
  .map(({ hours, utcOffsetMinutes, weekdays, closed, opened }) => ({
    name: "any",
    hours,
    utcOffsetMinutes,
    weekdays: new Set(weekdays),
    closedDays: new Set(closed),
    openedDays: new Set(opened),
    knownUntil: undefined,
  }));
const anyMinutes = (max: number) => fc.integer({ min: 0, max }).map((count) => count * minuteMs);
const anyTime = anyMinutes(60 * 1_440).map((ms) => windowStartMs + ms);
const anyDuration = fc.oneof(anyMinutes(1_440), anyMinutes(8 * 1_440));
const anyMs = fc.integer({ min: 0, max: 60 * dayMs });

/** What must be there: a calendar of these works at least two days a week. */
function due(calendar: WorkingCalendar, fromMs: number, durationMs: number): number {
  const dueMs = addWorkingTime(calendar, fromMs, durationMs);
  if (dueMs === undefined) throw new Error(`not due: ${fromMs} + ${durationMs}`);
  return dueMs;
}

function workingDayMs({ hours }: WorkingCalendar): number {
  return hours.reduce((sum, { fromMinute, toMinute }) => sum + toMinute - fromMinute, 0) * minuteMs;
}

properties("both functions agree with a walk minute by minute", () => {
  fc.assert(
    fc.property(anyCalendar, anyTime, anyDuration, (calendar, fromMs, durationMs) => {
      const walk = new MinuteWalk(calendar);
      assert.is(addWorkingTime(calendar, fromMs, durationMs), walk.add(fromMs, durationMs));
      const toMs = fromMs + durationMs;
      assert.is(workingTimeBetween(calendar, fromMs, toMs), walk.between(fromMs, toMs));
    }),
    { seed: 15, numRuns: 400 },
  );
});

properties("later or longer is never due earlier", () => {
  fc.assert(
    fc.property(anyCalendar, anyMs, anyMs, anyMs, (calendar, fromMs, durationMs, moreMs) => {
      const start = windowStartMs + fromMs;
      const plain = due(calendar, start, durationMs);
      assert.ok(plain <= due(calendar, start, durationMs + moreMs));
      assert.ok(plain <= due(calendar, start + moreMs, durationMs));
      assert.ok(start <= plain);
    }),
    { seed: 16, numRuns: 1_000 },
  );
});

properties("between grows with its end and shrinks with its beginning", () => {
  fc.assert(
    fc.property(anyCalendar, anyMs, anyMs, anyMs, (calendar, fromMs, spanMs, moreMs) => {
      const start = windowStartMs + fromMs;
      const end = start + spanMs;
      const plain = workingTimeBetween(calendar, start, end) ?? Number.NaN;
      assert.ok(plain <= (workingTimeBetween(calendar, start, end + moreMs) ?? 0));
      assert.ok(plain >= (workingTimeBetween(calendar, start + moreMs, end) ?? Number.NaN));
    }),
    { seed: 17, numRuns: 1_000 },
  );
});

properties("the time until the due time is the duration that was added", () => {
  fc.assert(
    fc.property(anyCalendar, anyMs, anyMs, (calendar, fromMs, durationMs) => {
      const start = windowStartMs + fromMs;
      const restMs = durationMs % dayMs;
      // A rest as long as a working day is one.
      const isWhole = restMs >= workingDayMs(calendar);
      const counted = isWhole ? durationMs - restMs + dayMs : durationMs;
      const dueMs = due(calendar, start, durationMs);
      assert.is(workingTimeBetween(calendar, start, dueMs), counted);
    }),
    { seed: 18, numRuns: 1_000 },
  );
});

properties("what was left when the clock stopped can be added again", () => {
  fc.assert(
    fc.property(anyCalendar, anyMs, anyMs, (calendar, fromMs, spanMs) => {
      const start = windowStartMs + fromMs;
      const end = start + spanMs;
      const again = due(calendar, start, workingTimeBetween(calendar, start, end) ?? 0);
      assert.is(workingTimeBetween(calendar, again, end), 0);
      assert.is(workingTimeBetween(calendar, end, again), 0);
    }),
    { seed: 19, numRuns: 1_000 },
  );
});
