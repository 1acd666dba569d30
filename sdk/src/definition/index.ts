export { type ApplicationDifference, diffApplications } from "./application-diff.ts";
export { decodeApplication, encodeApplication } from "./application-json.ts";
export { type Diagnostic, formatDiagnostic } from "./diagnostic.ts";
export { parseDuration } from "./duration.ts";
export { createEvaluate, type EvaluateOptions } from "./expression.ts";
export { hashApplication } from "./hash.ts";
export { type ParsedApplication, parseApplication } from "./parse-application.ts";
export { checkSchema, createValidate, type ValidateOptions } from "./schema-validation.ts";
