// The repository's own rules about text, as pure functions: a path and its text in, complaints out.
//
// Owns what no other tool checks. The patterns are written with a class of one letter where they
// would otherwise match this file.

export interface SourceText {
  /** Relative to the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface LineRule {
  readonly pattern: RegExp;
  readonly complaint: string;
  /** Which files it is for. */
  readonly appliesTo: (path: string) => boolean;
}

/** A file of more lines holds more than one idea. */
export const fileLinesMax = 500;
export const lineColumnsMax = 120;
export const commentColumnsMax = 100;

const forbiddenFileNames = [
  "utils",
  "helpers",
  "common",
  "misc",
  "types",
  "manager",
  "base",
  "impl",
];

const walledFolders = [
  "sdk/src/domain/",
  "sdk/src/session/",
  "sdk/src/kernel/",
  "hub/src/kernel/",
] as const;

const isSource = (path: string): boolean => path.endsWith(".ts") || path.endsWith(".mjs");
const isEverything = (): boolean => true;
const isWalled = (path: string): boolean => walledFolders.some((wall) => path.startsWith(wall));

const emptyVerbs = "(?:handle|process|manage|do|perform)[A-Z]\\w*";
const abbreviations = "(?:msg|cfg|ctx)";

const lineRules: readonly LineRule[] = [
  {
    pattern: /(?::|\bas|<|,|\|)\s*an[y]\b(?=\s*(?:[;,)=>[\]|{}]|$))/,
    complaint: "says any: parse at the gate instead",
    appliesTo: (path) => path.endsWith(".ts"),
  },
  {
    pattern: /@ts-(?:ignor[e]|nochec[k])/,
    complaint: "silences the compiler",
    appliesTo: isSource,
  },
  {
    pattern: /\b(?:TO[D]O|FIXM[E]|XX[X])\b/,
    complaint: "leaves work behind: do it, or write it down as an issue",
    appliesTo: isEverything,
  },
  {
    pattern: /^export defaul[t]\b/,
    complaint: "has a default export: named exports only",
    appliesTo: isSource,
  },
  {
    pattern: new RegExp(`\\b(?:function|const|let)\\s+${emptyVerbs}`),
    complaint: "names a function with a verb that says nothing",
    appliesTo: isSource,
  },
  {
    pattern: new RegExp(
      `^\\s+(?:(?:async|static|private|protected|public|readonly)\\s+)*#?${emptyVerbs}\\s*[(<=]`,
    ),
    complaint: "names a method with a verb that says nothing",
    appliesTo: isSource,
  },
  {
    pattern: new RegExp(
      `\\b(?:const|let|function)\\s+${abbreviations}\\b|[(,]\\s*${abbreviations}\\s*[:,)]`,
    ),
    complaint: "abbreviates a name",
    appliesTo: isSource,
  },
  {
    pattern: /https?:\/\/registr[y]|registr[y]\.npm|npmmirro[r]|deb\.debia[n]|"resolved": "htt[p]/,
    complaint: "names the host of a registry",
    appliesTo: isEverything,
  },
  {
    pattern: /(?:^|[^\w.])(?:\.\.\/share[d]\/|\.librar[y]\b|\/work\/(?:main|share[d]))/,
    complaint: "names a place that only one machine has",
    appliesTo: isEverything,
  },
  {
    pattern: /^\s*\/\/\/\s*<referenc[e]\b/,
    complaint: "adds a library behind the back of tsconfig.json, which opens every wall",
    appliesTo: isSource,
  },
  {
    pattern: /\bMath\.rando[m]\b/,
    complaint: "throws dice inside a wall",
    appliesTo: isWalled,
  },
];

/** Everything that is untidy in one file, as sentences that begin with the place. */
export function findUntidiness({ path, text }: SourceText): string[] {
  const complaints: string[] = [];
  const baseName = path.slice(path.lastIndexOf("/") + 1);
  const stem = baseName.slice(0, baseName.indexOf(".", 1));
  if (text.startsWith("\uFEFF")) complaints.push(`${path} starts with a byte order mark`);
  if (text.includes("\r")) complaints.push(`${path} has carriage returns`);
  if (text !== "" && !text.endsWith("\n")) complaints.push(`${path} does not end with a newline`);

  const lines = text.split("\n");
  if (path.endsWith(".ts")) {
    if (lines.length - 1 > fileLinesMax) {
      complaints.push(`${path} has ${lines.length - 1} lines, more than ${fileLinesMax}`);
    }
    if (forbiddenFileNames.includes(stem)) complaints.push(`${path} has a name that says nothing`);
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*\.ts$/.test(baseName)) {
      complaints.push(`${path} is not named in kebab-case`);
    }
  }
  lines.forEach((line, index) => {
    for (const complaint of findInLine(path, line)) {
      complaints.push(`${path}:${index + 1} ${complaint}`);
    }
  });
  return complaints;
}

function findInLine(path: string, line: string): string[] {
  const complaints = lineRules
    .filter((rule) => rule.appliesTo(path) && rule.pattern.test(line))
    .map((rule) => rule.complaint);
  if (!isSource(path)) return complaints;
  const isComment = /^\s*(?:\/\/|\/?\*)/.test(line);
  const columnsMax = isComment ? commentColumnsMax : lineColumnsMax;
  // An address cannot be broken into two lines.
  if (line.length > columnsMax && !line.includes("://")) {
    complaints.push(`is ${line.length} columns wide, more than ${columnsMax}`);
  }
  return complaints;
}
