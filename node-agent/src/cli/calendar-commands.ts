// `cloudbrain calendar`: working calendars (工作日历), asked without a hub: what a calendar says,
// and why a deadline falls where it does.

import { type Column, closestName, formatTable, loadCalendars } from "@cloudbrain/sdk/cli";
import {
  createWorkingCalendars,
  type ExplainedCalendar,
  type WorkingCalendars,
} from "@cloudbrain/sdk/definition";
import {
  type CivilDay,
  dayAt,
  formatDay,
  limits,
  type WorkingCalendar,
} from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import { type ExplainedDay, exceptionsOf, explainDay } from "./calendar-days.ts";
import { formatMinute, formatOffset, formatTimeAt, parseTime } from "./calendar-time.ts";
import type { CommandHost } from "./command-host.ts";
import { titleIn } from "./formats.ts";
import { addExamples } from "./help.ts";
import { hintOf, readDuration, refuseUsage } from "./usage.ts";

interface ShowFlags {
  readonly year?: number;
  readonly config?: string;
}

interface DueFlags {
  readonly from: string;
  readonly duration: string;
  readonly config?: string;
}

/** A list of days that a person still reads; the due time itself is always told. */
const daysShownMax = 400;

export function addCalendarCommands(calendar: Command, host: CommandHost): void {
  const { say } = host;
  const due = "cloudbrain calendar due cn-workdays --from 2026-09-30T16:00 --duration P3D";
  addExamples(calendar, "cloudbrain calendar show cn-workdays --year 2026", due);
  addExamples(
    calendar.command("show"),
    "cloudbrain calendar show cn-workdays --year 2026",
    "cloudbrain calendar show service-hall --config city/hub.yaml",
  )
    .description(say("about.calendar.show"))
    .argument("<name>", say("argument.calendar"))
    .option("--year <year>", say("option.year"), (text) => readYear(host, text))
    .option("--config <file>", say("option.calendar.config"))
    .action((name: string, flags: ShowFlags, command: Command) => show(host, name, flags, command));
  addExamples(calendar.command("due"), due)
    .description(say("about.calendar.due"))
    .argument("<name>", say("argument.calendar"))
    .requiredOption("--from <time>", say("option.from"))
    .requiredOption("--duration <time>", say("option.duration"))
    .option("--config <file>", say("option.calendar.config"))
    .action((name: string, flags: DueFlags, command: Command) =>
      showDue(host, name, flags, command),
    );
}

function readYear({ say }: CommandHost, text: string): number {
  if (/^\d{4}$/.test(text)) return Number(text);
  return refuseUsage("--year", say("usage.year", { value: text }));
}

function openCalendars({ env, lang }: CommandHost, file: string | undefined): WorkingCalendars {
  return createWorkingCalendars(loadCalendars({ file, env, lang }));
}

function findCalendar(
  { say }: CommandHost,
  calendars: WorkingCalendars,
  name: string,
): ExplainedCalendar {
  const { names } = calendars;
  const told = say("usage.oneOf", { value: name, choices: names.join(", ") });
  return calendars.find(name) ?? refuseUsage("NAME", told + hintOf(say, closestName(name, names)));
}

function show(host: CommandHost, name: string, flags: ShowFlags, command: Command): void {
  const { say } = host;
  const output = host.outputOf(command);
  const explained = findCalendar(host, openCalendars(host, flags.config), name);
  const { calendar } = explained;
  const year = flags.year ?? Number(formatDay(dayAt(calendar, Date.now())).slice(0, 4));
  const days = exceptionsOf(explained, year);
  const weekdays = [...calendar.weekdays];
  const hours = calendar.hours.map(
    ({ fromMinute, toMinute }) => `${formatMinute(fromMinute)}-${formatMinute(toMinute)}`,
  );
  const knownUntil = knownUntilOf(calendar);
  const week = weekdays.map((weekday) => weekdayName(host, weekday)).join(" ");
  const lines = [
    `${say("calendar.hours")}${hours.join(", ")} (UTC${formatOffset(calendar)})`,
    `${say("calendar.week")}${week}`,
    `${say("calendar.knownUntil")}${knownUntil ?? say("calendar.noEnd")}`,
    ...(days.length === 0 ? [say("calendar.plain", { year })] : ["", tableOf(host, days)]),
  ];
  const value = {
    name: calendar.name,
    utcOffsetMinutes: calendar.utcOffsetMinutes,
    hours,
    weekdays,
    knownUntil: knownUntil ?? null,
    year,
    days,
  };
  output.result(value, lines.join("\n"));
}

function showDue(host: CommandHost, name: string, flags: DueFlags, command: Command): void {
  const { say } = host;
  const calendars = openCalendars(host, flags.config);
  const explained = findCalendar(host, calendars, name);
  const { calendar } = explained;
  const fromMs =
    parseTime(calendar, flags.from) ??
    refuseUsage("--from", say("usage.time", { value: flags.from }));
  const durationMs = readDuration("--duration", flags.duration);
  const dueMs =
    calendars.addWorkingTime(name, fromMs, durationMs) ??
    refuseUsage("--duration", say("usage.tooFar", { years: limits.workingTimeYearsMax }));
  const first = dayAt(calendar, fromMs);
  const last = dayAt(calendar, dueMs);
  const shownLast = Math.min(last, first + daysShownMax - 1);
  const days = daysBetween(first, shownLast).map((day) => explainDay(explained, day));
  const known = calendar.knownUntil === undefined || last <= calendar.knownUntil;
  const output = host.outputOf(command);
  const due = formatTimeAt(calendar, dueMs);
  const value = {
    name: calendar.name,
    from: formatTimeAt(calendar, fromMs),
    durationMs,
    due,
    dueMs,
    known,
    knownUntil: knownUntilOf(calendar) ?? null,
    days,
    hasMoreDays: shownLast < last,
  };
  output.result(value, [due, "", tableOf(host, days)].join("\n"));
  if (shownLast < last) output.note(say("calendar.moreDays", { count: last - shownLast }));
  if (!known) output.note(say("calendar.guessed", { date: knownUntilOf(calendar) ?? "" }));
}

function knownUntilOf({ knownUntil }: WorkingCalendar): string | undefined {
  return knownUntil === undefined ? undefined : formatDay(knownUntil);
}

function daysBetween(first: CivilDay, last: CivilDay): readonly CivilDay[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function weekdayName({ say }: CommandHost, weekday: number): string {
  return say("calendar.weekdays").split(" ")[weekday - 1] ?? "";
}

function tableOf(host: CommandHost, days: readonly ExplainedDay[]): string {
  const { say, lang } = host;
  const whyOf = ({ reason, title, known }: ExplainedDay): string => {
    const why = say(`calendar.${reason}`, {
      name: title === undefined ? "" : titleIn(title, lang),
    });
    return known ? why : why + say("calendar.unknown");
  };
  const columns: readonly Column<ExplainedDay>[] = [
    { heading: say("column.date"), text: ({ date }) => date },
    { heading: say("column.weekday"), text: ({ weekday }) => weekdayName(host, weekday) },
    {
      heading: say("column.works"),
      text: ({ works }) => say(works ? "calendar.works" : "calendar.rests"),
    },
    { heading: say("column.why"), text: whyOf },
  ];
  return formatTable(
    columns.map(({ heading }) => heading),
    days.map((day) => columns.map(({ text }) => text(day))),
  );
}
