import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { createCommandRun } from "../support/command-run.ts";
import { suite } from "../support/suite.ts";

const test = suite("cloudbrain calendar", { timeLimitMs: 60_000 });

const directory = mkdtempSync(join(tmpdir(), "cloudbrain-calendar-"));
const run = createCommandRun(directory);
test.after(() => rmSync(directory, { recursive: true }));

const holiday = ["calendar", "due", "cn-workdays", "--from", "2026-09-30T16:00"];

test("due tells the time and every day until then, wherever the machine stands", async () => {
  const zones = ["UTC", "Asia/Shanghai", "America/Los_Angeles", "Pacific/Kiritimati"];
  const all = await Promise.all(
    zones.map((zone) => run([...holiday, "--duration", "P1DT2H"], { env: { TZ: zone } })),
  );
  const told = [
    "2026-10-09T09:00:00+08:00",
    "",
    "DATE        DAY  WORKS  WHY",
    "2026-09-30  Wed  yes    working day",
    "2026-10-01  Thu  no     National Day",
    "2026-10-02  Fri  no     National Day",
    "2026-10-03  Sat  no     National Day",
    "2026-10-04  Sun  no     National Day",
    "2026-10-05  Mon  no     National Day",
    "2026-10-06  Tue  no     National Day",
    "2026-10-07  Wed  no     National Day",
    "2026-10-08  Thu  yes    working day",
    "2026-10-09  Fri  yes    working day",
    "",
  ].join("\n");
  assert.equal(
    all,
    zones.map(() => ({ code: 0, stdout: told, stderr: "" })),
  );
});

test("due speaks Chinese, and says where the calendar only guesses", async () => {
  const words = ["calendar", "due", "cn-workdays", "--from", "2026-12-31 16:00:30"];
  const { stdout, stderr } = await run([...words, "--duration", "1d", "--lang", "zh-CN"]);
  assert.equal(stdout.split("\n"), [
    "2027-01-04T16:00:30+08:00",
    "",
    "日期        星期  工作  原因",
    "2026-12-31  周四  是    工作日",
    "2027-01-01  周五  否    元旦（尚未公布）",
    "2027-01-02  周六  否    周末（尚未公布）",
    "2027-01-03  周日  否    周末（尚未公布）",
    "2027-01-04  周一  是    工作日（尚未公布）",
    "",
  ]);
  assert.is(stderr, "2026-12-31 之后的安排尚未公布：按周末和固定日期的节假日推算\n");
});

test("due with --json is one document; an offset of the time is understood", async () => {
  const words = ["calendar", "due", "cn-workdays", "--from", "2026-10-10T08:00:00Z"];
  const { stdout, stderr } = await run([...words, "--duration", "PT2H", "--json"]);
  assert.equal(JSON.parse(stdout), {
    name: "cn-workdays",
    from: "2026-10-10T16:00:00+08:00",
    durationMs: 7_200_000,
    due: "2026-10-12T09:00:00+08:00",
    dueMs: Date.parse("2026-10-12T09:00:00+08:00"),
    known: true,
    knownUntil: "2026-12-31",
    days: [
      {
        date: "2026-10-10",
        weekday: 6,
        works: true,
        reason: "makeUp",
        title: { zh: "国庆节", en: "National Day" },
        known: true,
      },
      { date: "2026-10-11", weekday: 7, works: false, reason: "weekend", known: true },
      { date: "2026-10-12", weekday: 1, works: true, reason: "weekday", known: true },
    ],
    hasMoreDays: false,
  });
  assert.is(stderr, "");
});

test("a long way is told in part, and how much is left out", async () => {
  const words = ["calendar", "due", "always", "--from", "2026-01-01", "--duration", "P500D"];
  const { stdout, stderr } = await run(words);
  const lines = stdout.trimEnd().split("\n");
  assert.equal([lines[0], lines.length], ["2027-05-16T00:00:00+08:00", 3 + 400]);
  assert.is(stderr, "101 more days until then\n");
});

test("show tells a calendar of a hub's configuration with what it changes", async () => {
  const file = join(directory, "hub.yaml");
  const hall = [
    'hours: ["09:00-12:00", "13:00-17:00"]',
    "closed: [2027-03-01]",
    "open: [2027-01-02]",
    "knownUntil: 2027-02-28",
  ];
  writeFileSync(file, `kind: Hub\ncalendars:\n  hall: { ${hall.join(", ")} }\n`);
  const words = ["calendar", "show", "hall", "--config", file];
  const [text, json, plain] = await Promise.all([
    run([...words, "--year", "2027"]),
    run([...words, "--year", "2027", "--json"]),
    run(["calendar", "show", "always", "--year", "2027"]),
  ]);
  assert.equal(text?.stdout.split("\n"), [
    "hours: 09:00-12:00, 13:00-17:00 (UTC+08:00)",
    "week: Mon Tue Wed Thu Fri",
    "known until: 2027-02-28",
    "",
    "DATE        DAY  WORKS  WHY",
    "2027-01-01  Fri  no     New Year's Day",
    "2027-01-02  Sat  yes    opened by the configuration",
    "2027-03-01  Mon  no     closed by the configuration (not announced yet)",
    "2027-05-01  Sat  no     Labour Day (not announced yet)",
    "2027-05-02  Sun  no     Labour Day (not announced yet)",
    "2027-10-01  Fri  no     National Day (not announced yet)",
    "2027-10-02  Sat  no     National Day (not announced yet)",
    "2027-10-03  Sun  no     National Day (not announced yet)",
    "",
  ]);
  const { days, ...rest } = JSON.parse(json?.stdout ?? "") as { readonly days: readonly unknown[] };
  assert.equal(rest, {
    name: "hall",
    utcOffsetMinutes: 480,
    hours: ["09:00-12:00", "13:00-17:00"],
    weekdays: [1, 2, 3, 4, 5],
    knownUntil: "2027-02-28",
    year: 2027,
  });
  assert.equal(days[1], {
    date: "2027-01-02",
    weekday: 6,
    works: true,
    reason: "opened",
    known: true,
  });
  assert.equal(plain?.stdout.split("\n"), [
    "hours: 00:00-24:00 (UTC+08:00)",
    "week: Mon Tue Wed Thu Fri Sat Sun",
    "known until: without end",
    "2027: every day as the week says",
    "",
  ]);
});

test("what can't be asked is refused with what to write", async () => {
  const asked = await Promise.all([
    run(["calendar", "show", "cn-workday"]),
    run(["calendar", "show", "always", "--year", "27"]),
    run(["calendar", "due", "always", "--from", "2026-02-30", "--duration", "1d"]),
    run(["calendar", "due", "always", "--from", "2026-02-03T24:00", "--duration", "1d"]),
    run([...holiday, "--duration", "P1M"]),
    run([...holiday, "--duration", "P30000D"]),
    run([...holiday, "--duration", "1d", "--config", "none.yaml"]),
  ]);
  const why = ({ stderr }: { readonly stderr: string }) => /why: (.*)/.exec(stderr)?.[1];
  assert.equal(
    asked.map((ended) => [ended.code, why(ended)]),
    [
      [2, '"cn-workday" is none of always, cn-workdays (did you mean cn-workdays?)'],
      [2, '"27" is not a year of four digits'],
      [2, '"2026-02-30" is not a time; write 2026-09-30T16:00 or 2026-09-30T16:00:00+08:00'],
      [2, '"2026-02-03T24:00" is not a time; write 2026-09-30T16:00 or 2026-09-30T16:00:00+08:00'],
      [2, "years and months have no fixed length; write it as PT30S, P3D, 30s, 10m, 2h or 1d"],
      [2, "it is due in more than 100 years, or never"],
      [78, "none.yaml: the file is missing"],
    ],
  );
});
