// Working calendars: those that are built in and those of a configuration, by name, and the
// functions of working time that the kernels are given.

import {
  type AddWorkingTime,
  addWorkingTime,
  type CivilDay,
  type Title,
  type WorkingCalendar,
  type WorkingTimeBetween,
  workingTimeBetween,
} from "../domain/index.ts";
import type { CalendarConfig } from "./calendar-config.ts";
import { createCnWorkdays } from "./cn-workdays.ts";

export interface ExplainedCalendar {
  readonly calendar: WorkingCalendar;
  /** Which holiday a closed day is, or a make-up day works for; for people. */
  readonly titles: ReadonlyMap<CivilDay, Title>;
}

export interface WorkingCalendars {
  /** In the order of the configuration, the built-in ones first. */
  readonly names: readonly string[];
  find(name: string): ExplainedCalendar | undefined;
  readonly addWorkingTime: AddWorkingTime;
  readonly workingTimeBetween: WorkingTimeBetween;
}

/** `config` comes from `parseCalendars`: every base stands before what is built on it. */
export function createWorkingCalendars(config: readonly CalendarConfig[] = []): WorkingCalendars {
  const always = createAlways();
  const calendars = new Map([always, createCnWorkdays()].map((made) => [made.calendar.name, made]));
  for (const fields of config) {
    const base = calendars.get(fields.base) ?? always;
    calendars.set(fields.name, deriveCalendar(base, fields));
  }
  const find = (name: string) => (name === "" ? always : calendars.get(name));
  return {
    names: [...calendars.keys()],
    find,
    addWorkingTime: (name, fromMs, durationMs) => {
      const found = find(name);
      return found && addWorkingTime(found.calendar, fromMs, durationMs);
    },
    workingTimeBetween: (name, fromMs, toMs) => {
      const found = find(name);
      return found && workingTimeBetween(found.calendar, fromMs, toMs);
    },
  };
}

/** Elapsed time is the working time of who never closes. */
function createAlways(): ExplainedCalendar {
  const calendar: WorkingCalendar = {
    name: "always",
    utcOffsetMinutes: 480,
    hours: [{ fromMinute: 0, toMinute: 24 * 60 }],
    weekdays: new Set([1, 2, 3, 4, 5, 6, 7]),
    closedDays: new Set(),
    openedDays: new Set(),
    knownUntil: undefined,
  };
  return { calendar, titles: new Map() };
}

function deriveCalendar(base: ExplainedCalendar, config: CalendarConfig): ExplainedCalendar {
  const { calendar } = base;
  const closedDays = new Set([...calendar.closedDays, ...config.closed]);
  const openedDays = new Set([...calendar.openedDays, ...config.open]);
  const titles = new Map(base.titles);
  for (const day of config.open) closedDays.delete(day);
  for (const day of config.closed) openedDays.delete(day);
  // What the configuration says of a day is no longer the holiday of the base.
  for (const day of [...config.open, ...config.closed]) titles.delete(day);
  return {
    calendar: {
      ...calendar,
      name: config.name,
      hours: config.hours ?? calendar.hours,
      closedDays,
      openedDays,
      knownUntil: config.knownUntil ?? calendar.knownUntil,
    },
    titles,
  };
}
