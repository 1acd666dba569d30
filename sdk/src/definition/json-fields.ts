// JSON fields: reads a JSON object field by field, and refuses what is not as it should be.

import { MeshError } from "../domain/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../domain/value.ts";
import { sourceCharsMax } from "./cel-source.ts";

interface Bounds {
  readonly min: number;
  readonly max: number;
}

const depthMax = 64;
const itemsMax = 10_000;

/** Every method but `optional...` refuses with APPLICATION_INVALID when the field is not there. */
export class JsonFields {
  readonly #object: JsonObject;
  readonly #path: string;
  readonly #depth: number;
  readonly #read = new Set<string>();

  constructor(value: JsonValue | undefined, path: string, depth = 0) {
    this.#path = path;
    this.#depth = depth;
    if (!isJsonObject(value)) throw refusal(path, "is not an object");
    if (depth > depthMax) throw refusal(path, "is nested too deep");
    this.#object = value;
  }

  refuse(key: string, why: string): never {
    throw refusal(`${this.#path}.${key}`, why);
  }

  optionalValue(key: string): JsonValue | undefined {
    this.#read.add(key);
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
  }

  value(key: string): JsonValue {
    const value = this.optionalValue(key);
    return value === undefined ? this.refuse(key, "is missing") : value;
  }

  optionalText(key: string, charsMax: number = sourceCharsMax): string | undefined {
    const value = this.optionalValue(key);
    if (value === undefined) return undefined;
    if (typeof value !== "string") return this.refuse(key, "is not a text");
    return value.length > charsMax ? this.refuse(key, "is too long") : value;
  }

  text(key: string, charsMax?: number): string {
    return this.optionalText(key, charsMax) ?? this.refuse(key, "is missing");
  }

  optionalNumber(key: string, bounds: Bounds): number | undefined {
    const value = this.optionalValue(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !(value >= bounds.min && value <= bounds.max)) {
      return this.refuse(key, `is not a number from ${bounds.min} to ${bounds.max}`);
    }
    return value;
  }

  number(key: string, bounds: Bounds): number {
    return this.optionalNumber(key, bounds) ?? this.refuse(key, "is missing");
  }

  optionalBoolean(key: string): boolean | undefined {
    const value = this.optionalValue(key);
    if (value === undefined || typeof value === "boolean") return value;
    return this.refuse(key, "is not true or false");
  }

  boolean(key: string): boolean {
    return this.optionalBoolean(key) ?? this.refuse(key, "is missing");
  }

  choice<Choice extends string>(key: string, choices: readonly Choice[]): Choice {
    const value = this.value(key);
    const chosen = choices.find((choice) => choice === value);
    return chosen ?? this.refuse(key, `is none of ${choices.join(", ")}`);
  }

  optionalChoice<Choice extends string>(
    key: string,
    choices: readonly Choice[],
  ): Choice | undefined {
    return this.optionalValue(key) === undefined ? undefined : this.choice(key, choices);
  }

  /** Choices of a list, each once and in the order of `choices`. */
  choices<Choice extends string>(key: string, choices: readonly Choice[]): readonly Choice[] {
    const texts = this.texts(key);
    const chosen = choices.filter((choice) => texts.includes(choice));
    const isSame = chosen.length === texts.length && chosen.every((one, at) => one === texts[at]);
    return isSame ? chosen : this.refuse(key, `is no ordered choice of ${choices.join(", ")}`);
  }

  optionalTexts(key: string): readonly string[] | undefined {
    return this.optionalValue(key) === undefined ? undefined : this.texts(key);
  }

  texts(key: string): readonly string[] {
    return this.#list(key, itemsMax).map((item) =>
      typeof item === "string" ? item : this.refuse(key, "is not a list of texts"),
    );
  }

  child(key: string): JsonFields {
    return new JsonFields(this.value(key), `${this.#path}.${key}`, this.#depth + 1);
  }

  optionalChild(key: string): JsonFields | undefined {
    return this.optionalValue(key) === undefined ? undefined : this.child(key);
  }

  children(key: string, max: number = itemsMax): readonly JsonFields[] {
    return this.#list(key, max).map(
      (item, index) => new JsonFields(item, `${this.#path}.${key}[${index}]`, this.#depth + 1),
    );
  }

  optionalChildren(key: string): readonly JsonFields[] | undefined {
    return this.optionalValue(key) === undefined ? undefined : this.children(key);
  }

  #list(key: string, max: number): readonly JsonValue[] {
    const value = this.value(key);
    if (!Array.isArray(value)) return this.refuse(key, "is not a list");
    if (value.length > max) return this.refuse(key, `holds more than ${max}`);
    return value as readonly JsonValue[];
  }

  /** Refuses a field that nobody has read. */
  end(): void {
    for (const key of Object.keys(this.#object)) {
      if (!this.#read.has(key)) this.refuse(key, "is not known");
    }
  }
}

function refusal(subject: string, why: string): MeshError {
  return new MeshError("APPLICATION_INVALID", { subject, detail: `${subject} ${why}` });
}
