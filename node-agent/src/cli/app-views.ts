// App views: versions and registrations of applications as people read them.

import { type Column, cleanText, formatTable, type Output } from "@cloudbrain/sdk/cli";
import type {
  ApplicationInfo,
  HubRegistrationInfo,
  PublishedApplication,
  RegisteredApplicationInfo,
  RegistrationInfo,
} from "@cloudbrain/sdk/client";
import { formatTime, titleIn, toneOf } from "./formats.ts";
import type { Say } from "./texts.ts";

export function applicationColumns(say: Say, lang: string): readonly Column<ApplicationInfo>[] {
  return [
    { heading: say("column.id"), text: ({ id }) => id },
    { heading: say("column.version"), text: ({ version }) => version },
    {
      heading: say("column.state"),
      text: ({ state }) => state,
      tone: ({ state }) => toneOf(state),
    },
    { heading: say("column.current"), text: (application) => markOf(say, application) },
    { heading: say("column.published"), text: ({ publishedAtMs }) => formatTime(publishedAtMs) },
    { heading: say("column.name"), text: ({ title }) => titleIn(title, lang) },
    { heading: say("column.hash"), text: ({ hash }) => hash.slice(0, 12) },
  ];
}

function markOf(say: Say, { current, pinned }: ApplicationInfo): string {
  if (!current) return "";
  return pinned ? say("app.mark.pinned") : say("app.mark.current");
}

export function registeredColumns(
  say: Say,
  lang: string,
): readonly Column<RegisteredApplicationInfo>[] {
  return [
    { heading: say("column.origin.hub"), text: ({ origin }) => origin },
    { heading: say("column.id"), text: ({ id }) => id },
    { heading: say("column.version"), text: ({ version }) => version },
    { heading: say("column.name"), text: ({ title }) => titleIn(title, lang) },
    { heading: say("column.hash"), text: ({ hash }) => hash.slice(0, 12) },
  ];
}

/** A version with its fields, then how its registration stands. */
export function describeApplication(
  application: PublishedApplication,
  say: Say,
  output: Output,
): string {
  const { id, version, state, hash, publisher, publishedAtMs, stateSetter, stateAtMs } =
    application;
  const fields = [
    [say("column.application"), `${id}@${version}`],
    [say("column.name"), cleanText(titleIn(application.title, output.lang))],
    [say("column.state"), output.paint(toneOf(state), state)],
    [say("column.current"), markOf(say, application)],
    [say("column.published"), publishedAtMs === 0 ? "" : formatTime(publishedAtMs)],
    [say("field.publisher"), publisher],
    [say("field.stateSetter"), stateSetter === "" ? "" : `${stateSetter} ${formatTime(stateAtMs)}`],
    [say("column.hash"), hash],
  ].filter(([, value]) => value !== "");
  const [first = [], ...rest] = fields;
  const { registration } = application;
  const parts = [formatTable(first, rest)];
  if (registration === undefined) parts.push(state === "retired" ? say("app.retired") : "");
  else parts.push(describeRegistration(registration, say, output));
  return parts.filter((part) => part !== "").join("\n\n");
}

function describeRegistration(registration: RegistrationInfo, say: Say, output: Output): string {
  const { needs, counts, hubs, unmet, registered, pending } = registration;
  const rows = needs.map((need, index) => {
    const { holders = 0, online = 0, expected = 0 } = counts[index] ?? {};
    const place = [need.level, need.industry, ...need.areas].filter((word) => word !== "");
    return [
      need.capability,
      cleanText(place.join(" ")),
      say(need.kind === "one" ? "app.need.one" : "app.need.every"),
      String(holders),
      String(online),
      need.kind === "one" ? "" : String(expected),
      unmet.includes(index) ? output.paint("bad", say("app.unmet")) : "",
    ];
  });
  const headings = [
    say("column.capability"),
    say("column.level"),
    say("column.asked"),
    say("column.nodes"),
    say("column.online"),
    say("column.expected"),
    say("column.note"),
  ];
  const lines = hubs.flatMap((hub) => describeHub(hub, registration, say, output));
  const summary = say("app.registered", { registered, pending });
  return [summary, formatTable(headings, rows), lines.join("\n")].join("\n\n");
}

/** The hub, and below it where something is missing. */
function describeHub(
  hub: HubRegistrationInfo,
  { needs }: RegistrationInfo,
  say: Say,
  output: Output,
): readonly string[] {
  const name = `${hub.address}  ${cleanText(titleIn(hub.title, output.lang))}`;
  if (!hub.registered) return [`${name}  ${output.paint("warning", say("app.waiting"))}`];
  if (hub.gaps.length === 0) {
    return [`${name}  ${output.paint("good", say("app.complete"))}`];
  }
  const lines = hub.gaps.map(({ need, hub: place, title, holders, expected }) => {
    const capability = needs[need]?.capability ?? "?";
    const text = say("app.missing", { capability, holders, expected });
    return `  ${place}  ${cleanText(titleIn(title, output.lang))}  ${output.paint("bad", text)}`;
  });
  const more = hub.gapsMore === 0 ? [] : [`  ${say("app.more", { count: hub.gapsMore })}`];
  return [name, ...lines, ...more];
}
