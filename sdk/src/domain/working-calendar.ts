// Working calendar: when an administration works, and how its deadlines count.
//
// Owns the rule for durations of working time. A day of the calendar has the same hours whenever
// it is a working day; their sum is the length of the working day.
//
//   W1  Every whole 24 h of a duration is one working day: the same time of day, so many working
//       days later. The remainder is counted in working hours, but never as more than one working
//       day, so that a longer duration is never due earlier.
//   W2  From outside working time a duration counts from the next opening, a duration of zero too.
//   W3  Where both the end of working hours and the next opening would do, a remainder is due at
//       the end: 2 h from 10:00 with a break at 12:00 are due at 12:00, not after the break.
//   W4  Time between is told in the same unit, so it can be added again: adding
//       workingTimeBetween(a, b) to `a` ends where no working time lies between the result and `b`.
//   W5  Both functions are monotone in each argument, and answer undefined rather than walk further
//       than `limits.workingTimeYearsMax`.
//
// Examples, with 08:30-12:00 and 13:30-17:30 (7.5 h) on weekdays:
//
//   from                   duration  due
//   Thursday 10:00         PT2H      Thursday 12:00
//   Thursday 11:00         PT2H      Thursday 14:30, after the break
//   Friday 17:00           PT2H      Monday 10:00
//   Friday 20:00           PT2H      Monday 10:30: it counts from Monday 08:30
//   Friday 16:00           P1D       Monday 16:00
//   Saturday 11:00         P1D       Tuesday 08:30: one working day after Monday 08:30
//   Thursday 10:00         P1DT2H    Friday 12:00
//   Thursday 10:00         PT20H     Friday 10:00: longer than a working day, so one working day

import { type CivilDay, weekdayOf } from "./civil-day.ts";
import { limits } from "./limits.ts";

/** Minutes of the day from 0 to 1440; `toMinute` is the first that is not worked. */
export interface WorkingHours {
  readonly fromMinute: number;
  readonly toMinute: number;
}

export interface WorkingCalendar {
  readonly name: string;
  /** Of the place, east of Greenwich positive; China has 480 and no daylight saving. */
  readonly utcOffsetMinutes: number;
  /** Of a working day, in order, apart from each other, at least one. */
  readonly hours: readonly WorkingHours[];
  /** Days of the week that are worked, from 1 for Monday to 7 for Sunday. */
  readonly weekdays: ReadonlySet<number>;
  /** Days that are not worked although their day of the week is: holidays 节假日. */
  readonly closedDays: ReadonlySet<CivilDay>;
  /** Days that are worked although their day of the week is not: make-up days 调休. */
  readonly openedDays: ReadonlySet<CivilDay>;
  /** The last day whose arrangement is known; after it the rule is a guess. Undefined: no end. */
  readonly knownUntil: CivilDay | undefined;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const walkDaysMax = limits.workingTimeYearsMax * 366;

/** An instant in working time: a working day and how much of it has been worked. */
interface Position {
  readonly day: CivilDay;
  /** From 0 to less than the length of the working day. */
  readonly workedMs: number;
}

/**
 * When `durationMs` of working time from `fromMs` has passed (W1-W3). Undefined when the arguments
 * are no whole milliseconds, the duration is negative, or the answer lies beyond the limit.
 */
export function addWorkingTime(
  calendar: WorkingCalendar,
  fromMs: number,
  durationMs: number,
): number | undefined {
  if (!Number.isSafeInteger(fromMs) || !Number.isSafeInteger(durationMs) || durationMs < 0) {
    return undefined;
  }
  const start = positionAt(calendar, fromMs);
  if (start === undefined) return undefined;
  const lastDay = start.day + walkDaysMax;
  const days = Math.floor(durationMs / dayMs);
  const day = workingDayAfter(calendar, start.day, days, lastDay);
  if (day === undefined) return undefined;
  const restMs = Math.min(durationMs - days * dayMs, lengthMs(calendar));
  if (restMs === 0) return startOf(calendar, day, start.workedMs);
  const workedMs = start.workedMs + restMs;
  if (workedMs <= lengthMs(calendar)) return endOf(calendar, day, workedMs);
  const next = workingDayAfter(calendar, day, 1, lastDay);
  return next === undefined ? undefined : endOf(calendar, next, workedMs - lengthMs(calendar));
}

/**
 * The working time from `fromMs` to `toMs` as a duration (W4): 24 h for each whole working day, and
 * the hours of the rest. Zero when `toMs` is not later. Undefined when the arguments are no whole
 * milliseconds or lie further apart than the limit.
 */
export function workingTimeBetween(
  calendar: WorkingCalendar,
  fromMs: number,
  toMs: number,
): number | undefined {
  if (!Number.isSafeInteger(fromMs) || !Number.isSafeInteger(toMs)) return undefined;
  if (toMs <= fromMs) return 0;
  if (toMs - fromMs > walkDaysMax * dayMs) return undefined;
  const start = positionAt(calendar, fromMs);
  const end = positionAt(calendar, toMs);
  if (start === undefined || end === undefined) return undefined;
  let days = 0;
  for (let day = start.day; day < end.day; day += 1) {
    if (isWorkingDay(calendar, day)) days += 1;
  }
  // Of the last day less may have been worked than of the first one.
  const isShort = end.workedMs < start.workedMs;
  const restMs = end.workedMs - start.workedMs + (isShort ? lengthMs(calendar) : 0);
  return (isShort ? days - 1 : days) * dayMs + restMs;
}

export function isWorkingDay(calendar: WorkingCalendar, day: CivilDay): boolean {
  if (calendar.openedDays.has(day)) return true;
  return calendar.weekdays.has(weekdayOf(day)) && !calendar.closedDays.has(day);
}

/** The day at the place of the calendar. */
export function dayAt(calendar: WorkingCalendar, timeMs: number): CivilDay {
  return Math.floor((timeMs + calendar.utcOffsetMinutes * minuteMs) / dayMs);
}

/** When `day` begins at the place of the calendar. */
export function midnightOf(calendar: WorkingCalendar, day: CivilDay): number {
  return day * dayMs - calendar.utcOffsetMinutes * minuteMs;
}

function lengthMs({ hours }: WorkingCalendar): number {
  return hours.reduce((sum, { fromMinute, toMinute }) => sum + toMinute - fromMinute, 0) * minuteMs;
}

/** Where working time stands at `timeMs`, or at the next opening (W2). */
function positionAt(calendar: WorkingCalendar, timeMs: number): Position | undefined {
  const day = dayAt(calendar, timeMs);
  if (isWorkingDay(calendar, day)) {
    const sinceMidnightMs = timeMs - midnightOf(calendar, day);
    let workedMs = 0;
    for (const { fromMinute, toMinute } of calendar.hours) {
      if (sinceMidnightMs < toMinute * minuteMs) {
        return { day, workedMs: workedMs + Math.max(0, sinceMidnightMs - fromMinute * minuteMs) };
      }
      workedMs += (toMinute - fromMinute) * minuteMs;
    }
  }
  const next = workingDayAfter(calendar, day, 1, day + walkDaysMax);
  return next === undefined ? undefined : { day: next, workedMs: 0 };
}

/** So many working days after `day`, none of them later than `lastDay`. */
function workingDayAfter(
  calendar: WorkingCalendar,
  day: CivilDay,
  count: number,
  lastDay: CivilDay,
): CivilDay | undefined {
  let at = day;
  for (let left = count; left > 0; ) {
    at += 1;
    if (at > lastDay) return undefined;
    if (isWorkingDay(calendar, at)) left -= 1;
  }
  return at;
}

/** The last instant at which `workedMs` of the day have been worked: a break is over. */
function startOf(calendar: WorkingCalendar, day: CivilDay, workedMs: number): number {
  return instantOf(calendar, day, workedMs, (leftMs, lengthMs) => leftMs < lengthMs);
}

/** The first instant at which `workedMs` of the day have been worked: a break begins (W3). */
function endOf(calendar: WorkingCalendar, day: CivilDay, workedMs: number): number {
  return instantOf(calendar, day, workedMs, (leftMs, lengthMs) => leftMs <= lengthMs);
}

function instantOf(
  calendar: WorkingCalendar,
  day: CivilDay,
  workedMs: number,
  isWithin: (leftMs: number, lengthMs: number) => boolean,
): number {
  const midnightMs = midnightOf(calendar, day);
  let leftMs = workedMs;
  for (const { fromMinute, toMinute } of calendar.hours) {
    const hoursMs = (toMinute - fromMinute) * minuteMs;
    if (isWithin(leftMs, hoursMs)) return midnightMs + fromMinute * minuteMs + leftMs;
    leftMs -= hoursMs;
  }
  return midnightMs + (calendar.hours.at(-1)?.toMinute ?? 0) * minuteMs;
}
