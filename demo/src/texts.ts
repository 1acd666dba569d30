// Texts that people read, in both languages.

export interface DemoTexts {
  readonly starting: (nodes: number, processes: number) => string;
  readonly level: Readonly<Record<string, string>>;
  readonly up: (seconds: string) => string;
  readonly drill: (round: number, rounds: number) => string;
  readonly columns: readonly string[];
  readonly total: string;
  readonly result: (replied: number, members: number, seconds: string) => string;
  readonly matches: (sum: number) => string;
  readonly differs: (sum: number, expected: number) => string;
  readonly keep: (hub: string, identity: string) => string;
  readonly lost: (name: string) => string;
  readonly help: string;
}

const zh: DemoTexts = {
  starting: (nodes, processes) => `启动 ${nodes} 个云脑节点（${processes} 个进程，本机回环）`,
  level: { city: "市", district: "区(市)", street: "街道(镇)", community: "社区(村)" },
  up: (seconds) => `全部在线，用时 ${seconds} 秒`,
  drill: (round, rounds) => `台风应急演练 ${round}/${rounds}`,
  columns: ["区(市)", "社区", "已反馈", "转移人数", "被困人数", "最高水位(cm)"],
  total: "合计",
  result: (replied, members, seconds) => `${replied} / ${members} 个社区已反馈，用时 ${seconds} 秒`,
  matches: (sum) => `转移人数合计 ${sum}，与应有值一致（演练数据均为虚构）`,
  differs: (sum, expected) => `转移人数合计 ${sum}，应为 ${expected}：不一致`,
  keep: (hub, identity) =>
    `保持运行，按 Ctrl-C 结束。市级中枢：${hub}\n` +
    `  npx cloudbrain chain ls --hub ${hub} --identity ${identity}`,
  lost: (name) => `进程“${name}”意外结束`,
  help: `npm run demo -- [选项]        青岛市全部社区的台风应急演练

示例
  npm run demo                          全市 2,272 个层级节点
  npm run demo -- --only 370202         只演练市南区
  npm run demo -- --rounds 5 --json     重复 5 次，最后输出一行 JSON

选项
  --divisions FILE   区划 CSV（列：code,level,name,parent）
  --only PREFIX      只取代码以 PREFIX 开头的区划
  --rounds N         演练次数（1 至 1000，默认 1）
  --keep             演练后保持运行
  --json             以一行 JSON 结束
  --lang zh-CN|en    语言`,
};

const en: DemoTexts = {
  starting: (nodes, processes) => `Starting ${nodes} nodes in ${processes} processes on loopback`,
  level: { city: "city", district: "districts", street: "streets", community: "communities" },
  up: (seconds) => `All online after ${seconds} s`,
  drill: (round, rounds) => `Typhoon drill ${round}/${rounds}`,
  columns: ["District", "Members", "Replied", "Evacuated", "Stranded", "Max. water (cm)"],
  total: "Total",
  result: (replied, members, seconds) =>
    `${replied} of ${members} communities replied in ${seconds} s`,
  matches: (sum) => `Evacuated in all: ${sum}, as expected (all figures of the drill are made up)`,
  differs: (sum, expected) => `Evacuated in all: ${sum}, expected ${expected}: they differ`,
  keep: (hub, identity) =>
    `Running until Ctrl-C. City hub: ${hub}\n` +
    `  npx cloudbrain chain ls --hub ${hub} --identity ${identity}`,
  lost: (name) => `process "${name}" ended unexpectedly`,
  help: `npm run demo -- [options]     typhoon drill over every community of Qingdao

Examples
  npm run demo                          all 2,272 level nodes
  npm run demo -- --only 370202         Shinan district alone
  npm run demo -- --rounds 5 --json     five drills, one line of JSON at the end

Options
  --divisions FILE   CSV of divisions (columns code,level,name,parent)
  --only PREFIX      divisions whose code begins with PREFIX
  --rounds N         number of drills (1 to 1000, default 1)
  --keep             keep running after the drill
  --json             end with one line of JSON
  --lang zh-CN|en    language`,
};

export const demoTexts: Readonly<Record<"zh-CN" | "en", DemoTexts>> = { "zh-CN": zh, en };
