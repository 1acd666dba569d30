// Minute walk: working time as one would count it on a clock, minute by minute. Slow and plain on
// purpose: it is what the arithmetic of the working calendar is compared with.

import type { WorkingCalendar } from "@cloudbrain/sdk/domain";

const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;

export class MinuteWalk {
  private readonly calendar: WorkingCalendar;
  private readonly minutesOfDay: number;

  constructor(calendar: WorkingCalendar) {
    this.calendar = calendar;
    let minutes = 0;
    for (let minute = 0; minute < 1_440; minute += 1) if (this.isInHours(minute)) minutes += 1;
    this.minutesOfDay = minutes;
  }

  /** Both in whole minutes. */
  add(fromMs: number, durationMs: number): number {
    const days = Math.floor(durationMs / dayMs);
    const restMinutes = (durationMs % dayMs) / minuteMs;
    const opened = this.skipClosed(fromMs);
    const afterDays = this.skipClosed(this.walk(opened, days * this.minutesOfDay));
    return this.walk(afterDays, Math.min(restMinutes, this.minutesOfDay));
  }

  between(fromMs: number, toMs: number): number {
    let minutes = 0;
    for (let at = fromMs; at < toMs; at += minuteMs) if (this.isOpen(at)) minutes += 1;
    const days = Math.floor(minutes / this.minutesOfDay);
    return days * dayMs + (minutes % this.minutesOfDay) * minuteMs;
  }

  private skipClosed(fromMs: number): number {
    let at = fromMs;
    while (!this.isOpen(at)) at += minuteMs;
    return at;
  }

  private walk(fromMs: number, minutes: number): number {
    let at = fromMs;
    for (let left = minutes; left > 0; at += minuteMs) if (this.isOpen(at)) left -= 1;
    return at;
  }

  private isOpen(timeMs: number): boolean {
    const localMs = timeMs + this.calendar.utcOffsetMinutes * minuteMs;
    const day = Math.floor(localMs / dayMs);
    return this.isInHours((localMs - day * dayMs) / minuteMs) && this.isWorked(day);
  }

  private isInHours(minute: number): boolean {
    return this.calendar.hours.some(
      ({ fromMinute, toMinute }) => minute >= fromMinute && minute < toMinute,
    );
  }

  private isWorked(day: number): boolean {
    const { openedDays, closedDays, weekdays } = this.calendar;
    if (openedDays.has(day)) return true;
    if (closedDays.has(day)) return false;
    const sundayIsZero = new Date(day * dayMs).getUTCDay();
    return weekdays.has(sundayIsZero === 0 ? 7 : sundayIsZero);
  }
}
