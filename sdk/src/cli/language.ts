// Language: in which one a command speaks to people. JSON output is the same in all of them.

import { MeshError } from "../domain/index.ts";

export const languages = ["zh-CN", "en"] as const;
export type Language = (typeof languages)[number];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `flag`, or else the first of LC_ALL, LC_MESSAGES and LANG that is set, as POSIX has it; English
 * where nothing is set or where we do not speak the language. Refuses with INPUT_INVALID a flag
 * that names no language of ours.
 */
export function chooseLanguage(flag: string | undefined, env: Environment): Language {
  if (flag !== undefined) return parseLanguage(flag);
  const locale = [env["LC_ALL"], env["LC_MESSAGES"], env["LANG"]].find(
    (value) => value !== undefined && value !== "",
  );
  return locale !== undefined && /^zh(?:[_.@-]|$)/i.test(locale) ? "zh-CN" : "en";
}

function parseLanguage(text: string): Language {
  const lower = text.toLowerCase().replace("_", "-");
  if (lower === "zh" || lower.startsWith("zh-")) return "zh-CN";
  if (lower === "en" || lower.startsWith("en-")) return "en";
  throw new MeshError("INPUT_INVALID", {
    subject: "--lang",
    detail: `"${text.slice(0, 40)}" is not one of ${languages.join(", ")}`,
  });
}
