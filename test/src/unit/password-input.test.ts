import { EventEmitter } from "node:events";
import {
  readPassword,
  Terminal,
  type TerminalParts,
} from "@cloudbrain/node-agent/internal/cli/password-input";
import { createSay } from "@cloudbrain/node-agent/internal/cli/texts";
import { isMeshError } from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("passwords at a terminal");
const say = createSay("en");

/** A person who types one line at every prompt. */
class TypingPerson extends EventEmitter implements TerminalParts {
  readonly isTTY = true;
  readonly lines: string[];
  isRaw = false;
  shown = "";
  interrupts = 0;

  constructor(...lines: string[]) {
    super();
    this.lines = lines;
  }

  readonly input = this;
  readonly output = {
    write: (text: string): void => {
      if (text !== "\n") assert.ok(this.isRaw, "a prompt before the terminal hides what is typed");
      this.shown += text;
    },
  };
  readonly interrupt = (): void => {
    this.interrupts += 1;
  };

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw;
  }

  setEncoding(): void {}

  resume(): void {
    const line = this.lines.shift() ?? "";
    // As a terminal gives it: a key at a time, with those of several bytes whole.
    const arrow = "\u001b[D";
    for (const part of line.split(arrow)) {
      for (const letter of part) this.emit("data", letter);
      this.emit("data", arrow);
    }
  }

  pause(): void {}
}

function ask(
  person: TypingPerson,
  isNew = false,
  { signal } = new AbortController(),
): Promise<string> {
  const source = { file: undefined, flag: "--password-file", prompt: "Password: ", isNew, signal };
  return readPassword(say, new Terminal(person), source);
}

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (refused: unknown) => refused,
  );
  return isMeshError(error) ? error.code : `no refusal: ${error}`;
}

test("what is typed is not shown, keys that delete and move do what they do", async () => {
  const person = new TypingPerson("thr\u001b[Dex\u007fe odd 词语\r");
  assert.is(await ask(person), "three odd 词语");
  assert.is(person.shown, "Password: \n");
  assert.is(person.isRaw, false);
  assert.is(person.listenerCount("data"), 0);
});

test("a new password is asked for twice, and refused when the two differ", async () => {
  const same = new TypingPerson("three odd words\r", "three odd words\r");
  assert.is(await ask(same, true), "three odd words");
  assert.is(same.shown, "Password: \nAgain: \n");
  const other = new TypingPerson("three odd words\r", "three odd word\r");
  assert.is(await refusalOf(ask(other, true)), "INPUT_INVALID");
});

test("lines that are pasted at once answer one prompt after the other", async () => {
  const person = new TypingPerson();
  const asked = ask(person, true);
  person.emit("data", "three odd words\rthree odd words\r");
  assert.is(await asked, "three odd words");
  assert.is(person.shown, "Password: \nAgain: \n");
});

test("Ctrl-C interrupts the command, Ctrl-D gives up, and both leave the terminal as it was", async () => {
  const interrupting = new TypingPerson("thr\u0003");
  assert.is(await refusalOf(ask(interrupting)), "CANCELLED");
  const leaving = new TypingPerson("\u0004");
  assert.is(await refusalOf(ask(leaving)), "CANCELLED");
  assert.equal([interrupting.interrupts, leaving.interrupts], [1, 0]);
  assert.equal([interrupting.isRaw, leaving.isRaw], [false, false]);
});

test("a signal from outside ends the asking, before and while it asks", async () => {
  const stopping = new AbortController();
  const person = new TypingPerson();
  const asked = refusalOf(ask(person, false, stopping));
  stopping.abort();
  assert.is(await asked, "CANCELLED");
  assert.is(await refusalOf(ask(person, false, stopping)), "CANCELLED");
  assert.equal([person.isRaw, person.listenerCount("data")], [false, 0]);
});
