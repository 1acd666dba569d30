// Calendar config: the working calendars that a configuration adds, as data that has been checked.
//
//   G1  A base is a built-in calendar or one that stands above; so there is no circle.
//   G2  A problem is a code with a path; whoever shows it says it in the reader's language and adds
//       the place in the file.

import { type CivilDay, formatDay, limits, parseDay, type WorkingHours } from "../domain/index.ts";

/** The calendars that need no configuration. */
export const builtInCalendars = ["always", "cn-workdays"] as const;

export interface CalendarConfig {
  readonly name: string;
  /** What holds where this calendar says nothing. */
  readonly base: string;
  /** Undefined: as the base. */
  readonly hours: readonly WorkingHours[] | undefined;
  readonly closed: readonly CivilDay[];
  readonly open: readonly CivilDay[];
  /** Undefined: as the base. */
  readonly knownUntil: CivilDay | undefined;
}

/** Stable, so that texts in every language can be found by them. */
export type CalendarProblemCode =
  | "noFields"
  | "unknownKey"
  | "badName"
  | "takenName"
  | "badBase"
  | "badHours"
  | "badOrder"
  | "badDate"
  | "twice"
  | "noList"
  | "tooMany";

export interface CalendarProblem {
  readonly code: CalendarProblemCode;
  /** Below the key `calendars`. */
  readonly path: readonly (string | number)[];
  /** What was written, or what would be right: the blank of the sentence. */
  readonly value: string;
}

export interface ParsedCalendars {
  /** Those without a problem. */
  readonly calendars: readonly CalendarConfig[];
  readonly problems: readonly CalendarProblem[];
}

type Path = CalendarProblem["path"];
type Fields = Readonly<Record<string, unknown>>;

const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
const hoursPattern = /^(\d{2}):([0-5]\d)-(\d{2}):([0-5]\d)$/;
const keys = ["base", "hours", "closed", "open", "knownUntil"];
/** Ranges of hours of one day; more are a mistake. */
const hoursMax = 24;
const dayMinutes = 24 * 60;

/** Reads the value of the key `calendars`: for each name what differs from its base. */
export function parseCalendars(value: unknown): ParsedCalendars {
  return new CalendarReader().read(value);
}

class CalendarReader {
  private readonly problems: CalendarProblem[] = [];
  private readonly known: string[] = [...builtInCalendars];

  read(value: unknown): ParsedCalendars {
    if (!isFields(value)) {
      this.add("noFields", [], "base, hours, closed, open");
      return { calendars: [], problems: this.problems };
    }
    const entries = Object.entries(value);
    if (entries.length > limits.calendarsMax) {
      this.add("tooMany", [], String(limits.calendarsMax));
      return { calendars: [], problems: this.problems };
    }
    const calendars: CalendarConfig[] = [];
    for (const [name, fields] of entries) {
      const before = this.problems.length;
      const isNamed = this.checkName(name);
      const calendar = this.readCalendar(name, fields);
      // One with a problem inside is known all the same: who builds on it has made no mistake.
      if (isNamed) this.known.push(name);
      if (calendar !== undefined && this.problems.length === before) calendars.push(calendar);
    }
    return { calendars, problems: this.problems };
  }

  private checkName(name: string): boolean {
    const isTaken = this.known.includes(name);
    if (!namePattern.test(name)) this.add("badName", [name], name);
    else if (isTaken) this.add("takenName", [name], name);
    return !isTaken && namePattern.test(name);
  }

  private readCalendar(name: string, fields: unknown): CalendarConfig | undefined {
    if (!isFields(fields)) {
      this.add("noFields", [name], keys.join(", "));
      return undefined;
    }
    for (const key of Object.keys(fields)) {
      if (!keys.includes(key)) this.add("unknownKey", [name], key);
    }
    const { base = "cn-workdays", hours, knownUntil } = fields;
    if (typeof base !== "string" || !this.known.includes(base)) {
      this.add("badBase", [name, "base"], this.known.join(", "));
    }
    const closed = this.readDates(fields, "closed", name);
    const open = this.readDates(fields, "open", name);
    for (const [index, day] of open.entries()) {
      if (day !== undefined && closed.includes(day))
        this.add("twice", [name, "open", index], formatDay(day));
    }
    return {
      name,
      base: String(base),
      hours: hours === undefined ? undefined : this.readHours(hours, [name, "hours"]),
      closed: closed.filter(isDay),
      open: open.filter(isDay),
      knownUntil:
        knownUntil === undefined ? undefined : this.readDate(knownUntil, [name, "knownUntil"]),
    };
  }

  private readHours(value: unknown, path: Path): readonly WorkingHours[] {
    const texts = this.readList(value, path, hoursMax);
    if (texts.length === 0) this.add("badHours", path, "");
    let endedAt = -1;
    return texts.map((text, index) => {
      const hours = parseHours(text);
      if (hours === undefined) this.add("badHours", [...path, index], shown(text));
      else if (hours.fromMinute <= endedAt) this.add("badOrder", [...path, index], shown(text));
      const read = hours ?? { fromMinute: 0, toMinute: 0 };
      endedAt = Math.max(endedAt, read.toMinute);
      return read;
    });
  }

  /** Undefined stands for a date that was refused, so that the others keep their index. */
  private readDates(
    fields: Fields,
    key: "closed" | "open",
    name: string,
  ): readonly (CivilDay | undefined)[] {
    const value = fields[key];
    if (value === undefined) return [];
    return this.readList(value, [name, key], limits.calendarDatesMax).map((date, index) =>
      this.readDate(date, [name, key, index]),
    );
  }

  private readDate(value: unknown, path: Path): CivilDay | undefined {
    const day = typeof value === "string" ? parseDay(value) : undefined;
    if (day === undefined) this.add("badDate", path, shown(value));
    return day;
  }

  private readList(value: unknown, path: Path, max: number): readonly unknown[] {
    if (!Array.isArray(value)) {
      this.add("noList", path, shown(value));
      return [];
    }
    if (value.length <= max) return value;
    this.add("tooMany", path, String(max));
    return [];
  }

  private add(code: CalendarProblemCode, path: Path, value: string): void {
    this.problems.push({ code, path, value });
  }
}

/** `08:30-12:00`; a day ends at 24:00. */
function parseHours(text: unknown): WorkingHours | undefined {
  const parts = typeof text === "string" ? hoursPattern.exec(text) : null;
  if (parts === null) return undefined;
  const [fromHour = 0, fromRest = 0, toHour = 0, toRest = 0] = parts.slice(1).map(Number);
  const fromMinute = fromHour * 60 + fromRest;
  const toMinute = toHour * 60 + toRest;
  return fromMinute < toMinute && toMinute <= dayMinutes ? { fromMinute, toMinute } : undefined;
}

function isDay(day: CivilDay | undefined): day is CivilDay {
  return day !== undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}
