// cn-workdays: the working days of China, as the State Council arranges them year by year.
//
//   D1  The data come as JSON out of the package `chinese-days`, never by its functions: those
//       count by the time zone of the machine, and a deadline must not depend on where a hub runs.
//   D2  The arrangement of a year is announced in November before it. For years that the package
//       does not know, weekends hold and the holidays whose date is fixed by law; the calendar says
//       by `knownUntil` where that begins.

import { createRequire } from "node:module";
import {
  assertRule,
  type CivilDay,
  formatDay,
  limits,
  parseDay,
  type Title,
} from "../domain/index.ts";
import type { ExplainedCalendar } from "./working-calendars.ts";

// An import of JSON warns of an experiment in Node.js 20.
const require = createRequire(import.meta.url);

/** Decree 795 of the State Council (2024): the days that need no almanac. */
const fixedHolidays: readonly { readonly date: string; readonly title: Title }[] = [
  { date: "01-01", title: { zh: "元旦", en: "New Year's Day" } },
  { date: "05-01", title: { zh: "劳动节", en: "Labour Day" } },
  { date: "05-02", title: { zh: "劳动节", en: "Labour Day" } },
  { date: "10-01", title: { zh: "国庆节", en: "National Day" } },
  { date: "10-02", title: { zh: "国庆节", en: "National Day" } },
  { date: "10-03", title: { zh: "国庆节", en: "National Day" } },
];

type Days = ReadonlyMap<CivilDay, Title>;

/** 08:30-12:00 and 13:30-17:30 by Beijing time; a configuration can name other hours. */
export function createCnWorkdays(): ExplainedCalendar {
  const data: unknown = require("chinese-days/dist/chinese-days.json");
  const holidays = daysOf(data, "holidays");
  const makeUpDays = daysOf(data, "workdays");
  const lastYear = Number(formatDay(Math.max(...holidays.keys())).slice(0, 4));
  const guessed = fixedHolidaysFrom(lastYear + 1);
  return {
    calendar: {
      name: "cn-workdays",
      utcOffsetMinutes: 480,
      hours: [
        { fromMinute: 8 * 60 + 30, toMinute: 12 * 60 },
        { fromMinute: 13 * 60 + 30, toMinute: 17 * 60 + 30 },
      ],
      weekdays: new Set([1, 2, 3, 4, 5]),
      closedDays: new Set([...holidays.keys(), ...guessed.keys()]),
      openedDays: new Set(makeUpDays.keys()),
      knownUntil: parseDay(`${lastYear}-12-31`),
    },
    titles: new Map([...guessed, ...makeUpDays, ...holidays]),
  };
}

function fixedHolidaysFrom(firstYear: number): Days {
  const days = new Map<CivilDay, Title>();
  for (let year = firstYear; year <= firstYear + limits.workingTimeYearsMax; year += 1) {
    for (const { date, title } of fixedHolidays) {
      const day = parseDay(`${year}-${date}`);
      if (day !== undefined) days.set(day, title);
    }
  }
  return days;
}

/** `{ "2026-10-01": "National Day,国庆节,3" }`: English name, Chinese name, statutory days. */
function daysOf(data: unknown, key: "holidays" | "workdays"): Days {
  const rule = "chinese-days has dates with names, as in version 1.5.7";
  const fields: unknown = isRecord(data) ? data[key] : undefined;
  assertRule(isRecord(fields), rule, key);
  const days = new Map<CivilDay, Title>();
  for (const [date, names] of Object.entries(fields)) {
    const day = parseDay(date);
    const [en, zh] = typeof names === "string" ? names.split(",") : [];
    assertRule(day !== undefined && en !== undefined && zh !== undefined, rule, date);
    days.set(day, { zh, en });
  }
  assertRule(days.size > 0, rule, key);
  return days;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
