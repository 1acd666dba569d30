// Value types: what is known of a value before there is one, from schemas and from expressions.
//
//   T1  Whatever is not known is anything, and anything fits everywhere: a check refuses only what
//       must fail whenever it runs.

/** Names of CEL's types; undefined for anything. Empty: no value at all, as in an empty list. */
export interface ValueType {
  readonly names: ReadonlySet<string> | undefined;
  /** Of a list. */
  readonly items?: ValueType | undefined;
  readonly itemsMax?: number | undefined;
  /** Of a map: the fields that are known. */
  readonly fields?: ReadonlyMap<string, ValueType> | undefined;
  /** Of those, the ones that need not be there. */
  readonly optional?: ReadonlySet<string> | undefined;
  /** Other fields than these: refused, or refused where they look like a slip of the pen. */
  readonly others?: "refused" | "unlikely" | "possible" | undefined;
}

export const anything: ValueType = { names: undefined };
export const noValue: ValueType = { names: new Set() };

export function scalarType(...names: readonly string[]): ValueType {
  return { names: new Set(names) };
}

export const textType = scalarType("string");
export const booleanType = scalarType("bool");
export const intType = scalarType("int");
/** A number of JSON: an int where it is whole, see cel-values.ts. */
export const numberType = scalarType("int", "double");

export function listOf(items: ValueType, itemsMax?: number): ValueType {
  return { names: new Set(["list"]), items, itemsMax };
}

export function mapOf(
  fields: Iterable<readonly [string, ValueType]>,
  others: ValueType["others"] = "unlikely",
  optional?: ReadonlySet<string>,
): ValueType {
  return { names: new Set(["map"]), fields: new Map(fields), others, optional };
}

/** What either of the two may be. */
export function eitherOf(a: ValueType, b: ValueType): ValueType {
  if (a.names === undefined || b.names === undefined) return anything;
  if (a.names.size === 0) return b;
  if (b.names.size === 0) return a;
  return {
    names: new Set([...a.names, ...b.names]),
    items: eitherPart(a.items, b.items, a, b, "list"),
    itemsMax:
      a.itemsMax === undefined || b.itemsMax === undefined
        ? undefined
        : Math.max(a.itemsMax, b.itemsMax),
    // Fields of two maps are not joined: what only one of them has must not be refused.
    fields: a.fields !== undefined && a.fields === b.fields ? a.fields : undefined,
    optional: a.optional === b.optional ? a.optional : undefined,
  };
}

function eitherPart(
  ofA: ValueType | undefined,
  ofB: ValueType | undefined,
  a: ValueType,
  b: ValueType,
  name: string,
): ValueType | undefined {
  if (a.names?.has(name) !== true) return ofB;
  if (b.names?.has(name) !== true) return ofA;
  return ofA === undefined || ofB === undefined ? undefined : eitherOf(ofA, ofB);
}

/** For sentences. */
export function describeType({ names }: ValueType): string {
  if (names === undefined) return "anything";
  const words = new Set([...names].map((name) => wordOf[name] ?? name));
  return [...words].sort().join(" or ");
}

const wordOf: Readonly<Record<string, string>> = {
  bool: "a boolean",
  int: "a number",
  uint: "a number",
  double: "a number",
  string: "a text",
  bytes: "bytes",
  null_type: "null",
  list: "a list",
  map: "a mapping",
  type: "a type",
  "google.protobuf.Timestamp": "a time",
  "google.protobuf.Duration": "a duration",
};
