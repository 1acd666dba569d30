// Texts: what the command says, by key, in the language of its reader.

import type { Language } from "@cloudbrain/sdk/cli";
import { type TextKey, textsEn } from "./texts-en.ts";
import { textsZhCn } from "./texts-zh-cn.ts";

export type Say = (key: TextKey, values?: Readonly<Record<string, string | number>>) => string;

const textsOf: Readonly<Record<Language, Readonly<Record<TextKey, string>>>> = {
  "zh-CN": textsZhCn,
  en: textsEn,
};

export function createSay(lang: Language): Say {
  const texts = textsOf[lang];
  return (key, values = {}) =>
    texts[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
