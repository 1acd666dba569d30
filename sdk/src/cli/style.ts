// Style: the few colours of a terminal that carry a meaning, and when they may be used.

type Environment = Readonly<Record<string, string | undefined>>;

/** What a text says; the colour follows from it. */
export type Tone = "plain" | "heading" | "good" | "warning" | "bad" | "faint";

// Select Graphic Rendition of ECMA-48: begin and end.
const renditions: Readonly<Record<Tone, readonly [string, string]>> = {
  plain: ["", ""],
  heading: ["\u001b[1m", "\u001b[22m"],
  good: ["\u001b[32m", "\u001b[39m"],
  warning: ["\u001b[33m", "\u001b[39m"],
  bad: ["\u001b[31m", "\u001b[39m"],
  faint: ["\u001b[2m", "\u001b[22m"],
};

export function paint(tone: Tone, text: string, isColoured: boolean): string {
  const [begin, end] = renditions[tone];
  return isColoured && text !== "" ? `${begin}${text}${end}` : text;
}

/** `flag` (from `--no-color`), then NO_COLOR, then FORCE_COLOR, then whether it is a terminal. */
export function chooseColour(
  flag: boolean | undefined,
  env: Environment,
  isTerminal: boolean,
): boolean {
  if (flag !== undefined) return flag;
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}
