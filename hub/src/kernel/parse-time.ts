// Times in texts, as RFC 3339 has them. By arithmetic alone: a kernel knows no clock and no zone.

const pattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const dayMs = 86_400_000;

/**
 * Milliseconds since 1970, never below 1, since 0 means "none" in a due time and everything before
 * has passed as well. Undefined for a text that names no moment: no distance from UTC, or a day
 * that its month does not have.
 */
export function parseTime(text: string): number | undefined {
  const parts = pattern.exec(text);
  if (parts === null) return undefined;
  const numberAt = (index: number): number => Number(parts[index] ?? 0);
  const [year, month, day] = [numberAt(1), numberAt(2), numberAt(3)];
  const [hour, minute, second] = [numberAt(4), numberAt(5), numberAt(6)];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  // 60 is a leap second; it counts as the first of the next minute.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  if (numberAt(9) > 23 || numberAt(10) > 59) return undefined;
  const offsetMs = (numberAt(9) * 60 + numberAt(10)) * 60_000 * (parts[8] === "-" ? -1 : 1);
  const fractionMs = Math.floor(Number(`0.${parts[7] ?? "0"}`) * 1_000);
  const ofDayMs = ((hour * 60 + minute) * 60 + second) * 1_000 + fractionMs;
  return Math.max(1, daysSince1970(year, month, day) * dayMs + ofDayMs - offsetMs);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysOf(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** In the Gregorian calendar, whose years are counted here from March: the leap day comes last. */
function daysSince1970(year: number, month: number, day: number): number {
  const from = month > 2 ? year : year - 1;
  const leaps = Math.floor(from / 4) - Math.floor(from / 100) + Math.floor(from / 400);
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return from * 365 + leaps + dayOfYear - 719_468;
}
