// Definitions that a command needs whole: one with mistakes is refused with the place of each.

import { formatDiagnostic, parseApplication } from "@cloudbrain/sdk/definition";
import { type Application, MeshError } from "@cloudbrain/sdk/domain";

/** `subject` is what the person called it, and begins every place. */
export function parseSoundApplication(source: string, subject: string): Application {
  const parsed = parseApplication(source, { file: subject });
  if (parsed.ok) return parsed.application;
  const errors = parsed.diagnostics.filter(({ severity }) => severity === "error");
  const detail = errors.map(formatDiagnostic).join("\n");
  throw new MeshError("APPLICATION_INVALID", { subject, detail });
}
