// Civil day: a date without a time, as the count of days since 1970-01-01 in the Gregorian
// calendar.
//
// The walled folders know no Date, which would bring the time zone of the machine with it. A number
// is also what sets and sums of days want; texts are for people and files.

/** Days since 1970-01-01; negative before. */
export type CivilDay = number;

const datePattern = /^(\d{4})-(\d{2})-(\d{2})$/;
/** 400 Gregorian years; the calendar repeats itself after them. */
const eraDays = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const epochShiftDays = 719_468;

/** The day of a text such as 2026-10-01; undefined for any other text and for 2026-02-29. */
export function parseDay(text: string): CivilDay | undefined {
  const [, year = "", month = "", date = ""] = datePattern.exec(text) ?? [];
  if (year === "") return undefined;
  const day = dayOf(Number(year), Number(month), Number(date));
  return formatDay(day) === text ? day : undefined;
}

/** `2026-10-01`. */
export function formatDay(day: CivilDay): string {
  const { year, month, date } = dateOf(day);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(date)}`;
}

/** From 1 for Monday to 7 for Sunday, as ISO 8601 counts; 1970-01-01 was a Thursday. */
export function weekdayOf(day: CivilDay): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

// A year begins with March here, so that the leap day is its last: the days before a month then
// follow (153 m + 2) / 5 with m = 0 for March.

function dayOf(year: number, month: number, date: number): CivilDay {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + date - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * eraDays + dayOfEra - epochShiftDays;
}

function dateOf(day: CivilDay) {
  const shifted = day + epochShiftDays;
  const era = Math.floor(shifted / eraDays);
  const dayOfEra = shifted - era * eraDays;
  // Leap days are taken out first: one in 4 years, none in 100, one in 400.
  const leapDays =
    Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    date: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  };
}
