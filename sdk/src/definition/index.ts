export {
  type ApplicationChange,
  type ApplicationDiff,
  diffApplications,
} from "./application-diff.ts";
export { decodeApplication, encodeApplication } from "./application-json.ts";
export { type CalendarConfig, parseCalendars } from "./calendar-config.ts";
export { closestName, type Diagnostic, formatDiagnostic } from "./diagnostic.ts";
export { parseDuration } from "./duration.ts";
export { createEvaluate, type EvaluateOptions } from "./expression.ts";
export { hashApplication } from "./hash.ts";
export { capabilityPattern } from "./match-reader.ts";
export {
  type ParsedApplication,
  type ParseOptions,
  parseApplication,
} from "./parse-application.ts";
export { parseResourceCsv } from "./resource-csv.ts";
export { type ReadResource, readResource } from "./resource-reader.ts";
export { parseResourceYaml, type ResourceFile } from "./resource-yaml.ts";
export {
  checkSchema,
  createValidate,
  findBlobRefs,
  type ValidateOptions,
} from "./schema-validation.ts";
export {
  createWorkingCalendars,
  type ExplainedCalendar,
  type WorkingCalendars,
} from "./working-calendars.ts";
