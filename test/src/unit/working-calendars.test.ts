import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadHubConfig } from "@cloudbrain/hub/internal/cli/hub-config";
import { initHub } from "@cloudbrain/hub/internal/cli/hub-init";
import { describeCalendars } from "@cloudbrain/hub/internal/cli/hub-run";
import { type Language, loadCalendars } from "@cloudbrain/sdk/cli";
import { createWorkingCalendars, parseCalendars } from "@cloudbrain/sdk/definition";
import { formatDay, isMeshError, limits } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function at(local: string): number {
  return Date.parse(`${local.replace(" ", "T")}:00+08:00`);
}

function shown(timeMs: number | undefined): string | undefined {
  if (timeMs === undefined) return undefined;
  return new Date(timeMs + 8 * hourMs).toISOString().slice(0, 16).replace("T", " ");
}

type Case = readonly [from: string, hours: number, due: string];

function expectDue(name: string, cases: readonly Case[], config: unknown = {}): void {
  const { calendars, problems } = parseCalendars(config);
  assert.equal(problems, []);
  const { addWorkingTime } = createWorkingCalendars(calendars);
  assert.equal(
    cases.map(([from, hours]) => shown(addWorkingTime(name, at(from), hours * hourMs))),
    cases.map(([, , due]) => due),
  );
}

const china = suite("working days of China");

china("National Day 2026 is skipped, and its make-up days are worked", () => {
  expectDue("cn-workdays", [
    ["2026-09-18 17:00", 1, "2026-09-20 09:00"],
    ["2026-09-19 10:00", 2, "2026-09-20 10:30"],
    ["2026-09-30 16:00", 2, "2026-10-08 09:00"],
    ["2026-09-30 16:00", 24, "2026-10-08 16:00"],
    ["2026-09-30 16:00", 72, "2026-10-10 16:00"],
    ["2026-09-30 16:00", 96, "2026-10-12 16:00"],
    ["2026-10-03 11:00", 24, "2026-10-09 08:30"],
    ["2026-10-10 17:00", 1, "2026-10-12 09:00"],
  ]);
});

china("Spring Festival 2026 is skipped, and its make-up days are worked", () => {
  expectDue("cn-workdays", [
    ["2026-02-13 17:00", 1, "2026-02-14 09:00"],
    ["2026-02-13 10:00", 24, "2026-02-14 10:00"],
    ["2026-02-13 10:00", 48, "2026-02-24 10:00"],
    ["2026-02-13 10:00", 6 * 24, "2026-02-28 10:00"],
    ["2026-02-13 10:00", 7 * 24, "2026-03-02 10:00"],
    ["2026-02-18 12:00", 2, "2026-02-24 10:30"],
    ["2026-02-18 12:00", 24, "2026-02-25 08:30"],
  ]);
  const { workingTimeBetween } = createWorkingCalendars();
  const from = at("2026-02-13 16:30");
  assert.is(workingTimeBetween("cn-workdays", from, at("2026-02-24 09:30")), 26 * hourMs);
});

china("for years that are not announced weekends and the fixed holidays hold", () => {
  const found = createWorkingCalendars().find("cn-workdays");
  assert.is(formatDay(found?.calendar.knownUntil ?? 0), "2026-12-31");
  expectDue("cn-workdays", [
    ["2026-12-31 16:00", 24, "2027-01-04 16:00"],
    ["2028-09-29 16:00", 24, "2028-10-04 16:00"],
    ["2029-04-30 16:00", 24, "2029-05-03 16:00"],
    ["2109-12-31 16:00", 24, "2110-01-02 16:00"],
  ]);
});

const elapsed = suite("elapsed time");

elapsed("no name and always count every hour", () => {
  const { addWorkingTime, workingTimeBetween } = createWorkingCalendars();
  const from = at("2026-10-01 03:07") + 1;
  for (const name of ["", "always"]) {
    for (const durationMs of [0, 1, hourMs, dayMs - 1, dayMs, 10 * dayMs + 5, 36_525 * dayMs]) {
      assert.is(addWorkingTime(name, from, durationMs), from + durationMs);
      assert.is(workingTimeBetween(name, from, from + durationMs), durationMs);
    }
  }
});

elapsed("a calendar that nobody has defined answers nothing", () => {
  const { addWorkingTime, workingTimeBetween, names, find } = createWorkingCalendars();
  assert.equal(names, ["always", "cn-workdays"]);
  assert.equal(
    [addWorkingTime("hall", 0, 1), workingTimeBetween("hall", 0, 1), find("hall")],
    [undefined, undefined, undefined],
  );
});

const configured = suite("calendars of a configuration");

const directory = mkdtempSync(join(tmpdir(), "cloudbrain-calendars-"));
configured.after(() => rmSync(directory, { recursive: true }));

const hall = {
  hours: ["09:00-12:00", "13:00-17:00"],
  closed: ["2026-12-31"],
  open: ["2027-01-02", "2026-10-03"],
  knownUntil: "2027-12-31",
};

configured("hours and days are those of the base where nothing else is written", () => {
  expectDue(
    "hall",
    [
      ["2026-12-30 16:00", 2, "2027-01-02 10:00"],
      ["2026-12-30 16:00", 24, "2027-01-02 16:00"],
      ["2026-09-30 16:00", 24, "2026-10-03 16:00"],
      ["2026-09-30 16:00", 48, "2026-10-08 16:00"],
    ],
    { hall },
  );
  expectDue("night", [["2026-10-01 23:00", 2, "2026-10-02 21:00"]], {
    duty: { base: "always", hours: ["20:00-24:00"] },
    night: { base: "duty", closed: ["2026-10-05"] },
  });
});

configured("a day that the base has opened can be closed, and what is known is extended", () => {
  const { calendars } = parseCalendars({ hall, late: { base: "hall", closed: ["2026-10-10"] } });
  const { find, addWorkingTime } = createWorkingCalendars(calendars);
  const known = find("late")?.calendar.knownUntil;
  assert.is(formatDay(known ?? 0), "2027-12-31");
  assert.is(shown(addWorkingTime("late", at("2026-10-09 16:00"), dayMs)), "2026-10-12 16:00");
  assert.is(shown(addWorkingTime("hall", at("2026-10-09 16:00"), dayMs)), "2026-10-10 16:00");
});

const hubFields = "apiVersion: cloudbrain/v1\nkind: Hub\naddress: /3702\ntitle: { zh: 青岛 }\n";

const broken = `${hubFields}calendars:
  hall:
    hours: ["09:00-12:00", "11:00-13:00", "8-9", "23:00-24:01"]
    closed: [2026-12-31, 2026-02-30]
    open: [2026-12-31, 2027-01-02]
    knownUntill: 2027-12-31
  "Bad Name": { base: none }
  cn-workdays: { hours: [] }
  late: { base: later, closed: 2026-12-31, knownUntil: soon }
  later: 5
`;

function refusalLines(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    if (isMeshError(error) && error.code === "CONFIG_INVALID") {
      return (error.detail ?? "").replaceAll(`${directory}/`, "").split("\n");
    }
    throw error;
  }
  throw new Error("it was not refused");
}

configured("every mistake is told with its place, by the hub and by the command alike", () => {
  const file = join(directory, "b.yaml");
  writeFileSync(file, broken);
  const english = [
    "b.yaml:7:28: calendars.hall.hours.1: 11:00-13:00 must begin after the hours before it end",
    'b.yaml:7:43: calendars.hall.hours.2: "8-9" is no hours of work; write 08:30-12:00',
    'b.yaml:7:50: calendars.hall.hours.3: "23:00-24:01" is no hours of work; write 08:30-12:00',
    'b.yaml:8:26: calendars.hall.closed.1: "2026-02-30" is not a date; write 2026-10-01',
    "b.yaml:9:12: calendars.hall.open.0: 2026-12-31 is closed and open; write it once",
    "b.yaml:10:5: calendars.hall.knownUntill: unknown key",
    'b.yaml:11:15: calendars.Bad Name: "Bad Name" is no name; write [a-z][a-z0-9-]*, at most 63',
    "b.yaml:11:23: calendars.Bad Name.base: write one that is built in or stands above: always, cn-workdays, hall",
    "b.yaml:12:16: calendars.cn-workdays: cn-workdays is built in; choose another name and write base: cn-workdays",
    'b.yaml:12:25: calendars.cn-workdays.hours: "" is no hours of work; write 08:30-12:00',
    "b.yaml:13:17: calendars.late.base: write one that is built in or stands above: always, cn-workdays, hall",
    'b.yaml:13:32: calendars.late.closed: "2026-12-31" is not a list',
    'b.yaml:13:56: calendars.late.knownUntil: "soon" is not a date; write 2026-10-01',
    "b.yaml:14:10: calendars.later: write keys below it: base, hours, closed, open, knownUntil",
  ];
  assert.equal(
    refusalLines(() => loadHubConfig(file)),
    english,
  );
  const told = (lang: Language): string[] =>
    refusalLines(() => loadCalendars({ file, env: {}, lang }));
  assert.equal(told("en"), english);
  const places = (lines: readonly string[]) => lines.map((line) => line.split(": ")[0]);
  assert.equal(places(told("zh-CN")), places(english));
  assert.ok(told("zh-CN").every((line) => /[\u4e00-\u9fff]/.test(line)));
});

configured("too many calendars or dates are refused", () => {
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index}`, value]));
  const codes = (value: unknown) => parseCalendars(value).problems.map(({ code }) => code);
  assert.equal(codes(many(limits.calendarsMax, {})), []);
  assert.equal(codes(many(limits.calendarsMax + 1, {})), ["tooMany"]);
  const dates = Array.from({ length: limits.calendarDatesMax + 1 }, (_, day) => formatDay(day));
  assert.equal(codes({ hall: { closed: dates.slice(1) } }), []);
  assert.equal(codes({ hall: { closed: dates } }), ["tooMany"]);
  assert.equal(codes([]), ["noFields"]);
});

configured("a variable gives calendars as JSON to the command, as it does to the hub", () => {
  const env = { CLOUDBRAIN_CALENDARS: '{ "duty": { "base": "always" } }' };
  const [duty] = loadCalendars({ file: undefined, env, lang: "en" });
  assert.equal([duty?.name, duty?.base], ["duty", "always"]);
  assert.equal(
    refusalLines(() =>
      loadCalendars({ file: undefined, env: { CLOUDBRAIN_CALENDARS: "5" }, lang: "en" }),
    ),
    ["CLOUDBRAIN_CALENDARS: calendars: write keys below it: base, hours, closed, open"],
  );
});

configured(
  "the example in what hub init makes is valid, and the hub tells what it knows of it",
  async () => {
    const { config } = await initHub({
      directory: join(directory, "city"),
      address: "/3702",
      title: "青岛市",
      level: "city",
      division: undefined,
      mesh: "test.mesh",
      authority: undefined,
      parent: undefined,
      port: 7443,
    });
    const made = readFileSync(config, "utf8");
    const lines = made.split("\n");
    const first = lines.indexOf("#     calendars:");
    const last = lines.findIndex((line) => line.startsWith("#   try them:"));
    const example = lines.slice(first, last).map((line) => line.replace("#     ", ""));
    writeFileSync(config, [made, ...example, ""].join("\n"));
    const { value } = loadHubConfig(config);
    assert.equal(
      value.calendars.map(({ name, base, closed, open, knownUntil = 0 }) => [
        name,
        base,
        [...closed, ...open, knownUntil].map(formatDay),
      ]),
      [["service-hall", "cn-workdays", ["2026-12-31", "2027-01-02", "2027-12-31"]]],
    );
    assert.equal(describeCalendars(value), {
      always: null,
      "cn-workdays": "2026-12-31",
      "service-hall": "2027-12-31",
    });
  },
);
