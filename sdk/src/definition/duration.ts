// Durations of the language: ISO 8601 (P3D, PT0.5S) and short forms (500ms, 30s, 10m, 2h, 1d).
//
//   D1  Years and months have no fixed length and are refused; a day is 24 hours.
//   D2  Milliseconds are the smallest part; a finer one is refused rather than rounded.

const isoPattern =
  /^P(?:(\d+)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;
const shortPattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const shortUnitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: secondMs,
  m: minuteMs,
  h: hourMs,
  d: dayMs,
};

/** A century: beyond it a number is a mistake. */
export const durationMsMax = 36_525 * dayMs;

/** What a person should write, for error sentences. */
export const durationForms = "write it as PT30S, P3D, 30s, 10m, 2h or 1d";

/** Milliseconds (a whole number >= 0), or a sentence that says what is wrong with the text. */
export function parseDuration(text: string): number | string {
  if (/^-/.test(text) || /^P.*-/.test(text))
    return `a duration can't be negative; ${durationForms}`;
  const ms = readIso(text) ?? readShort(text);
  if (ms === undefined) {
    if (/^P\d+[YM]/.test(text)) return `years and months have no fixed length; ${durationForms}`;
    return `"${text.slice(0, 40)}" is not a duration; ${durationForms}`;
  }
  const whole = Math.round(ms);
  if (Math.abs(whole - ms) > 1e-6) return "a duration is a whole number of milliseconds";
  if (whole > durationMsMax) return "a duration is at most a hundred years";
  return whole;
}

/** The shortest ISO 8601 text of a duration in ms. */
export function formatDuration(ms: number): string {
  const days = Math.floor(ms / dayMs);
  const parts = [
    [Math.floor((ms % dayMs) / hourMs), "H"],
    [Math.floor((ms % hourMs) / minuteMs), "M"],
    [(ms % minuteMs) / secondMs, "S"],
  ] as const;
  const time = parts.map(([count, unit]) => (count === 0 ? "" : `${count}${unit}`)).join("");
  const date = days === 0 ? "" : `${days}D`;
  if (time !== "") return `P${date}T${time}`;
  return date === "" ? "PT0S" : `P${date}`;
}

function readIso(text: string): number | undefined {
  const parts = isoPattern.exec(text);
  if (parts === null || text === "P" || text.endsWith("T")) return undefined;
  const [, weeks, days, hours, minutes, seconds] = parts;
  return (
    Number(weeks ?? 0) * 7 * dayMs +
    Number(days ?? 0) * dayMs +
    Number(hours ?? 0) * hourMs +
    Number(minutes ?? 0) * minuteMs +
    Number(seconds ?? 0) * secondMs
  );
}

function readShort(text: string): number | undefined {
  const parts = shortPattern.exec(text);
  const unitMs = shortUnitsMs[parts?.[2] ?? ""];
  return parts === null || unitMs === undefined ? undefined : Number(parts[1]) * unitMs;
}
