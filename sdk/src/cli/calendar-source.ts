// Calendar source: the working calendars of a configuration, for who runs a hub and for who only
// asks what its calendars say.

import { type CalendarConfig, parseCalendars } from "../definition/calendar-config.ts";
import { calendarTextsIn } from "./calendar-texts.ts";
import { type ConfigSchema, loadConfig } from "./config.ts";
import type { DescribedSchema } from "./config-keys.ts";
import { isFields } from "./config-source.ts";
import type { Language } from "./language.ts";

/** A ConfigIssue; lists can be written to, as zod wants them. */
type CalendarIssue =
  | { readonly code: "custom"; readonly path: PropertyKey[]; readonly message: string }
  | {
      readonly code: "unrecognized_keys";
      readonly path: PropertyKey[];
      readonly message: string;
      readonly keys: string[];
    };

/** What is wrong with the value of the key `calendars`; paths begin below it. */
export function calendarIssues(value: unknown, lang?: Language): readonly CalendarIssue[] {
  const texts = calendarTextsIn(lang);
  return parseCalendars(value).problems.map(({ code, path, value: told }) =>
    code === "unknownKey"
      ? { code: "unrecognized_keys", path: [...path], keys: [told], message: told }
      : { code: "custom", path: [...path], message: texts[code](told) },
  );
}

/** Where calendars are looked for, and how to speak of them. */
export interface CalendarSourceOptions {
  /** The configuration of a hub; its other keys are the hub's business. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly lang: Language;
}

/** The calendars of a file and of CLOUDBRAIN_CALENDARS. Refuses with CONFIG_INVALID. */
export function loadCalendars(options: CalendarSourceOptions): readonly CalendarConfig[] {
  const { lang } = options;
  return loadConfig({ ...options, schema: createSchema(lang) }).value;
}

function createSchema(lang: Language): ConfigSchema<readonly CalendarConfig[]> {
  const schema: DescribedSchema & ConfigSchema<readonly CalendarConfig[]> = {
    "~standard": {
      jsonSchema: { input: () => ({ properties: { calendars: { type: "object" } } }) },
    },
    safeParse: (fields: unknown) => {
      const value = isFields(fields) ? (fields["calendars"] ?? {}) : {};
      const issues = calendarIssues(value, lang).map((issue) => ({
        ...issue,
        path: ["calendars", ...issue.path],
      }));
      if (issues.length > 0) return { success: false, error: { issues } };
      return { success: true, data: parseCalendars(value).calendars };
    },
  };
  return schema;
}
