// Words that a command checks before it loads a client.
export { chainStates, isEndedState, nodeStates } from "../client/results.ts";
export { closestName } from "../definition/diagnostic.ts";
export { parseDuration } from "../definition/duration.ts";
export { type Advice, adviceEn } from "./advice-en.ts";
export { adviceZhCn } from "./advice-zh-cn.ts";
export { calendarIssues, loadCalendars } from "./calendar-source.ts";
export {
  type Config,
  type ConfigIssue,
  type ConfigOptions,
  type ConfigOrigin,
  type ConfigSchema,
  loadConfig,
} from "./config.ts";
export { environmentName, flagName } from "./config-keys.ts";
export { exitCodeOf, exitCodeOfCode, exitCodes } from "./exit-code.ts";
export { chooseLanguage, type Language, languages } from "./language.ts";
export {
  type Column,
  createOutput,
  type Output,
  type OutputOptions,
  type TextSink,
} from "./output.ts";
export { chooseColour, paint, type Tone } from "./style.ts";
export { cleanText, formatTable } from "./table.ts";
