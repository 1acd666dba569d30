// Texts about attachments, in Chinese.

import type { blobTextsEn } from "./blob-texts-en.ts";

export const blobTextsZhCn: Readonly<Record<keyof typeof blobTextsEn, string>> = {
  "about.blob": "附件：按内容的哈希引用",
  "about.blob.put": "把文件交给中枢，打印每个文件的引用",
  "about.blob.get": "取附件的内容，写入文件或标准输出",
  "about.blob.stat": "查看中枢所知的附件信息",
  "argument.blob.file": "文件，不超过 64 MiB",
  "argument.blob.ref": "sha256: 加 64 位十六进制数字",
  "option.blob.type": "媒体类型，例如 image/jpeg",
  "option.blob.chain": "引用它的指令链（本中枢或上级中枢的）",
  "option.blob.task": "引用它的待办（本中枢的）",
  "option.blob.out": "写入的文件；不写则输出到标准输出",
  "blob.noFile": "没有这个文件",
  "blob.jsonNeedsFile": "使用 --json 时请指定文件：标准输出只有 JSON",
  "blob.got": "{file}：{size} 字节",
  "blob.size": "{size} 字节",
  "blob.type": "类型：{type}",
  "blob.name": "名称：{name}",
  "blob.stored": "自 {time} 起保存",
};
