// Calendar time: times as they are written at the place of a working calendar, whatever the time
// zone of this machine is.

import {
  dayAt,
  formatDay,
  midnightOf,
  parseDay,
  type WorkingCalendar,
} from "@cloudbrain/sdk/domain";

const timePattern =
  /^(\d{4}-\d{2}-\d{2})(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(Z|[+-]\d{2}:[0-5]\d)?)?$/;

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/**
 * Milliseconds of `2026-09-30`, `2026-09-30T16:00`, `2026-09-30T16:00:00+08:00`; without an offset
 * by the clock of the calendar. Undefined for any other text.
 */
export function parseTime(calendar: WorkingCalendar, text: string): number | undefined {
  const [whole, date = "", hour = 0, minute = 0, second = 0, offset] = timePattern.exec(text) ?? [];
  const day = parseDay(date);
  if (whole === undefined || day === undefined) return undefined;
  const offsetMinutes = offset === undefined ? calendar.utcOffsetMinutes : minutesOf(offset);
  const clockMs = Number(hour) * hourMs + Number(minute) * minuteMs + Number(second) * secondMs;
  return midnightOf({ ...calendar, utcOffsetMinutes: offsetMinutes }, day) + clockMs;
}

/** `2026-10-12T16:00:00+08:00`, with milliseconds where there are any. */
export function formatTimeAt(calendar: WorkingCalendar, timeMs: number): string {
  const day = dayAt(calendar, timeMs);
  const clockMs = timeMs - midnightOf(calendar, day);
  const parts = [clockMs / hourMs, (clockMs % hourMs) / minuteMs, (clockMs % minuteMs) / secondMs];
  const rest = clockMs % secondMs;
  const fraction = rest === 0 ? "" : `.${String(rest).padStart(3, "0")}`;
  return `${formatDay(day)}T${parts.map(two).join(":")}${fraction}${formatOffset(calendar)}`;
}

/** `+08:00`. */
export function formatOffset({ utcOffsetMinutes }: WorkingCalendar): string {
  const minutes = Math.abs(utcOffsetMinutes);
  return `${utcOffsetMinutes < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** `08:30` of a minute of the day. */
export function formatMinute(minute: number): string {
  return `${two(minute / 60)}:${two(minute % 60)}`;
}

function minutesOf(offset: string): number {
  if (offset === "Z") return 0;
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6));
  return offset.startsWith("-") ? -minutes : minutes;
}

function two(value: number): string {
  return String(Math.floor(value)).padStart(2, "0");
}
