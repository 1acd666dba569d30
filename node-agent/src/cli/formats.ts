// Formats: times, durations and states as people read them.

import type { Tone } from "@cloudbrain/sdk/cli";
import type { Title } from "@cloudbrain/sdk/domain";

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** `0.3s`, `1m12s`, `2h05m`. */
export function formatDuration(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  if (ms < minuteMs) return `${(ms / secondMs).toFixed(1)}s`;
  if (ms < hourMs) return `${Math.floor(ms / minuteMs)}m${two((ms % minuteMs) / secondMs)}s`;
  return `${Math.floor(ms / hourMs)}h${two((ms % hourMs) / minuteMs)}m`;
}

/** `2026-11-23 08:01:12` by the clock of this machine; `-` for 0, which is "not yet". */
export function formatTime(ms: number): string {
  if (ms === 0) return "-";
  const time = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date} ${formatClock(ms)}`;
}

export function formatClock(ms: number): string {
  const time = new Date(ms);
  const parts = [time.getHours(), time.getMinutes(), time.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

/** How long it took, or has taken so far; `-` before it has begun. */
export function formatTook(startedAtMs: number, endedAtMs: number, nowMs: number): string {
  if (startedAtMs === 0) return "-";
  return formatDuration(Math.max(0, (endedAtMs === 0 ? nowMs : endedAtMs) - startedAtMs));
}

export function titleIn(title: Title, lang: string): string {
  return lang === "en" && (title.en ?? "") !== "" ? (title.en ?? "") : title.zh;
}

const toneOfState: Readonly<Record<string, Tone>> = {
  succeeded: "good",
  online: "good",
  active: "good",
  locked: "warning",
  disabled: "bad",
  failed: "bad",
  offline: "bad",
  suspect: "warning",
  suspended: "warning",
  cancelling: "warning",
  compensating: "warning",
  draining: "warning",
  cancelled: "faint",
  skipped: "faint",
  waiting: "faint",
  retired: "faint",
};

export function toneOf(state: string): Tone {
  return toneOfState[state] ?? "plain";
}
