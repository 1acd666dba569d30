// Durations as vendors write them: milliseconds, or "30s".

import { MeshError } from "../domain/index.ts";

export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds. Refuses with CONFIG_INVALID what is negative or no duration. */
export function parseDurationMs(duration: Duration, subject: string): number {
  const [, number = "", unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(`${duration}`) ?? [];
  const ms =
    typeof duration === "number" ? duration : Number(number) * (unitMs[unit] ?? Number.NaN);
  if (typeof duration === "string" && number === "") throw notDuration(duration, subject);
  if (!(ms >= 0 && Number.isFinite(ms))) throw notDuration(duration, subject);
  return ms;
}

function notDuration(duration: Duration, subject: string): MeshError {
  const detail = `"${duration}" is no duration; write milliseconds or a text such as "30s"`;
  return new MeshError("CONFIG_INVALID", { subject, detail });
}
