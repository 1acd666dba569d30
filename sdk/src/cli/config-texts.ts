// What the loader of configurations itself has to say, per language. Sentences of the YAML parser
// stay English, those of a schema are in whatever language the schema speaks.

import type { Language } from "./language.ts";

export interface ConfigTexts {
  readonly missing: string;
  readonly unreadable: (code: string) => string;
  readonly tooLarge: (kib: number) => string;
  readonly noFields: string;
  readonly unknownKey: string;
  readonly didYouMean: (key: string) => string;
  readonly bothSet: (name: string) => string;
  readonly secretMissing: (file: string) => string;
}

const english: ConfigTexts = {
  missing: "the file is missing",
  unreadable: (code) => `the file can't be read (${code})`,
  tooLarge: (kib) => `the file is larger than ${kib} KiB`,
  noFields: "expected keys and values",
  unknownKey: "unknown key",
  didYouMean: (key) => ` (did you mean ${key}?)`,
  bothSet: (name) => `${name} is set too; set one of them`,
  secretMissing: (file) => `the file ${file} is missing or can't be read`,
};

const chinese: ConfigTexts = {
  missing: "文件不存在",
  unreadable: (code) => `无法读取文件（${code}）`,
  tooLarge: (kib) => `文件超过 ${kib} KiB`,
  noFields: "应为键和值",
  unknownKey: "未知的键",
  didYouMean: (key) => `（您是否想写 ${key}？）`,
  bothSet: (name) => `同时设置了 ${name}，只能设置其中一个`,
  secretMissing: (file) => `文件 ${file} 不存在或无法读取`,
};

export function configTextsIn(lang: Language | undefined): ConfigTexts {
  return lang === "zh-CN" ? chinese : english;
}
