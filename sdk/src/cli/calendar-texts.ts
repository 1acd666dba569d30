// What is wrong with the calendars of a configuration, per language. Unknown keys are told by the
// loader of configurations, as those of every other part.

import type { CalendarProblemCode } from "../definition/calendar-config.ts";
import type { Language } from "./language.ts";

type CalendarTexts = Readonly<
  Record<Exclude<CalendarProblemCode, "unknownKey">, (value: string) => string>
>;

const english: CalendarTexts = {
  noFields: (keys) => `write keys below it: ${keys}`,
  badName: (name) => `"${name}" is no name; write [a-z][a-z0-9-]*, at most 63`,
  takenName: (name) => `${name} is built in; choose another name and write base: ${name}`,
  badBase: (names) => `write one that is built in or stands above: ${names}`,
  badHours: (text) => `"${text}" is no hours of work; write 08:30-12:00`,
  badOrder: (text) => `${text} must begin after the hours before it end`,
  badDate: (text) => `"${text}" is not a date; write 2026-10-01`,
  twice: (date) => `${date} is closed and open; write it once`,
  noList: (text) => `"${text}" is not a list`,
  tooMany: (max) => `at most ${max} are allowed`,
};

const chinese: CalendarTexts = {
  noFields: (keys) => `应在其下写键：${keys}`,
  badName: (name) => `“${name}”不能作为名称；应以 [a-z] 开头，其余为 [a-z0-9-]，最多 63 个字符`,
  takenName: (name) => `${name} 为内置日历；请另取名称并写 base: ${name}`,
  badBase: (names) => `应为内置日历或写在上文的日历：${names}`,
  badHours: (text) => `“${text}”不是工作时段；应写作 08:30-12:00，最晚至 24:00`,
  badOrder: (text) => `${text} 应晚于前一时段的结束时间`,
  badDate: (text) => `“${text}”不是日期；应写作 2026-10-01`,
  twice: (date) => `${date} 既为休息日又为工作日，只能写一次`,
  noList: (text) => `“${text}”不是列表`,
  tooMany: (max) => `最多允许 ${max} 个`,
};

export function calendarTextsIn(lang: Language | undefined): CalendarTexts {
  return lang === "zh-CN" ? chinese : english;
}
