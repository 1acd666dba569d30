// Calendar days: why a day of a working calendar is worked or not.

import type { ExplainedCalendar } from "@cloudbrain/sdk/definition";
import {
  type CivilDay,
  formatDay,
  isWorkingDay,
  parseDay,
  type Title,
  weekdayOf,
} from "@cloudbrain/sdk/domain";

/**
 * A `holiday` and a `makeUp` day have a name; `closed` and `opened` ones were written into a
 * configuration; the others follow from the day of the week.
 */
export type DayReason = "weekday" | "weekend" | "holiday" | "makeUp" | "closed" | "opened";

export interface ExplainedDay {
  readonly date: string;
  /** From 1 for Monday to 7 for Sunday. */
  readonly weekday: number;
  readonly works: boolean;
  readonly reason: DayReason;
  readonly title?: Title | undefined;
  /** False where nothing has been announced for the day, so that the rule is a guess. */
  readonly known: boolean;
}

export function explainDay(explained: ExplainedCalendar, day: CivilDay): ExplainedDay {
  const { calendar, titles } = explained;
  const title = titles.get(day);
  return {
    date: formatDay(day),
    weekday: weekdayOf(day),
    works: isWorkingDay(calendar, day),
    reason: reasonOf(explained, day),
    ...(title === undefined ? {} : { title }),
    known: calendar.knownUntil === undefined || day <= calendar.knownUntil,
  };
}

function reasonOf({ calendar, titles }: ExplainedCalendar, day: CivilDay): DayReason {
  if (calendar.openedDays.has(day)) return titles.has(day) ? "makeUp" : "opened";
  if (calendar.closedDays.has(day)) return titles.has(day) ? "holiday" : "closed";
  return calendar.weekdays.has(weekdayOf(day)) ? "weekday" : "weekend";
}

/** The days of a year that do not follow from the day of the week alone, in order. */
export function exceptionsOf(explained: ExplainedCalendar, year: number): readonly ExplainedDay[] {
  const first = parseDay(`${String(year).padStart(4, "0")}-01-01`) ?? 0;
  const { closedDays, openedDays } = explained.calendar;
  const days = Array.from({ length: 366 }, (_, index) => first + index);
  return days
    .filter((day) => closedDays.has(day) || openedDays.has(day))
    .map((day) => explainDay(explained, day))
    .filter(({ date }) => Number(date.slice(0, 4)) === year);
}
