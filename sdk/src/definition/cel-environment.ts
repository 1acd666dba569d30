// CEL environment: the functions of the language, and the budget that ends a runaway expression.
//
// Owns: the steps left in the evaluation under way. Evaluation is synchronous, so one count does.
//
//   B1  One evaluation takes at most `evaluationStepsMax` steps. A step is one node of the
//       expression inside one round of a comprehension, an item or 64 characters compared, 64 items
//       joined, or a character matched. Outside comprehensions the text's own size bounds the work.
//   B2  A comprehension runs over at most `comprehensionItemsMax` items and a joined list or string
//       stays below a bound, so that a short text can't double its way to all memory.
//   B3  Regular expressions are RE2: linear in the text, whatever the pattern.

import {
  type CelEnv,
  type CelFunc,
  type CelList,
  CelScalar,
  celEnv,
  celFunc,
  celList,
  isCelList,
  listType,
} from "@bufbuild/cel";
import { RE2JS } from "@bufbuild/re2";

import { weighValue } from "./cel-values.ts";

/** 0.1 to 0.3 s on one 2020s server core at worst, measured; a plain comparison takes none. */
export const evaluationStepsMax = 1_000_000;
/** Members that one hub keeps (limits.fanoutMembersPerHubMax): what a list can sensibly hold. */
export const comprehensionItemsMax = 10_000;
/** The largest output of a step, in characters. */
const stringCharsMax = 1024 * 1024;
const patternCharsMax = 512;
const patternsMax = 256;

/** Names that no text can spell, since `@` is no letter of CEL. */
export const tickName = "@tick";
export const rangeName = "@range";
export const appendName = "@append";

let stepsLeft = 0;

export function resetSteps(): void {
  stepsLeft = evaluationStepsMax;
}

/** True when the evaluation used up its steps, even if an `||` has hidden the error. */
export function isOutOfSteps(): boolean {
  return stepsLeft < 0;
}

function spend(steps: number): void {
  stepsLeft -= steps;
  if (stepsLeft < 0) throw new Error(`the expression takes over ${evaluationStepsMax} steps`);
}

const patterns = new Map<string, RE2JS>();

function compilePattern(pattern: string): RE2JS {
  if (pattern.length > patternCharsMax) {
    throw new Error(`a pattern is longer than ${patternCharsMax} characters`);
  }
  // Also for a pattern that is compiled already: the answer must not depend on what ran before.
  spend(pattern.length * 8);
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const compiled = RE2JS.compile(pattern);
  if (patterns.size >= patternsMax) patterns.clear();
  patterns.set(pattern, compiled);
  return compiled;
}

const re2 = {
  compile: (pattern: string) => {
    const compiled = compilePattern(pattern);
    return {
      test: (text: string) => {
        // RE2 in JavaScript takes about 0.1 to 0.2 us a letter, far more than a comparison.
        spend(1 + Math.floor(text.length * (1 + pattern.length / 16)));
        return compiled.test(text);
      },
    };
  },
};

const { BOOL, DOUBLE, DYN, INT, STRING } = CelScalar;
const list = listType(DYN);

/** The list that a comprehension builds; nobody but its own loop can see it, so it may grow. */
const growing = new WeakMap<CelList, unknown[]>();

function append(target: CelList, tail: CelList): CelList {
  const items = growing.get(target);
  if (items !== undefined) {
    items.push(...tail);
    return target;
  }
  const fresh = [...target, ...tail];
  const result = celList(fresh);
  growing.set(result, fresh);
  return result;
}

function join(left: CelList, right: CelList): CelList {
  const size = left.size + right.size;
  if (size > comprehensionItemsMax) {
    throw new Error(`a list of ${size} items is over the limit of ${comprehensionItemsMax}`);
  }
  spend(1 + Math.floor(size / 64));
  return celList([...left, ...right]);
}

function joinText(left: string, right: string): string {
  const size = left.length + right.length;
  if (size > stringCharsMax) throw new Error(`a string of ${size} characters is too long`);
  spend(Math.floor(size / 1024));
  return left + right;
}

function checkRange(value: unknown): void {
  const size = isCelList(value) ? value.size : (value as { readonly size?: number }).size;
  if (size !== undefined && size > comprehensionItemsMax) {
    throw new Error(`it runs over ${size} items; the limit is ${comprehensionItemsMax}`);
  }
}

function mixed(name: string, compute: (left: number, right: number) => number): CelFunc[] {
  return [
    celFunc(name, [INT, DOUBLE], DOUBLE, (left, right) => compute(Number(left), right)),
    celFunc(name, [DOUBLE, INT], DOUBLE, (left, right) => compute(left, Number(right))),
  ];
}

/** The standard function with its arguments weighed first. */
function weighed(name: string): CelFunc[] {
  const original = celEnv().funcs.find(name);
  if (original === undefined) return [];
  return [...original].map((func) =>
    celFunc(name, func.arguments, func.result, (...args) => {
      for (const arg of args) {
        if (typeof arg === "object" && arg !== null) spend(weighValue(arg, evaluationStepsMax));
      }
      const result = func.call(0, undefined, args as Parameters<CelFunc["call"]>[2]);
      if (result === undefined) throw new Error(`no overload of ${name} fits`);
      if (result instanceof Error) throw result;
      return result as never;
    }),
  );
}

export const environment: CelEnv = celEnv({
  re2,
  funcs: [
    ...mixed("_+_", (left, right) => left + right),
    ...mixed("_-_", (left, right) => left - right),
    ...mixed("_*_", (left, right) => left * right),
    ...mixed("_/_", (left, right) => left / right),
    ...weighed("_==_"),
    ...weighed("_!=_"),
    ...weighed("@in"),
    celFunc("_+_", [list, list], list, join),
    celFunc("_+_", [STRING, STRING], STRING, joinText),
    celFunc(tickName, [INT], BOOL, (steps) => {
      spend(Number(steps));
      return true;
    }),
    celFunc(rangeName, [DYN], DYN, (value) => {
      checkRange(value);
      return value;
    }),
    celFunc(appendName, [list, list], list, append),
  ],
});
