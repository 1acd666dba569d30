// Message echo: whether a message keeps everything of a JSON value.
//
// A protobuf encoder drops fields that it does not know and bends values that do not fit, without a
// word: "abc" as an int32 is 0. So the encoded request is read back and compared.

/** The first thing that the echo lacks or has changed, as a sentence, or undefined. */
export function findLoss(given: unknown, echoed: unknown, path = "input"): string | undefined {
  // Null is how JSON leaves a field out.
  if (given === null || given === undefined) return undefined;
  if (Array.isArray(given)) {
    if (!Array.isArray(echoed)) return `${path} is a list, and the message has none there`;
    for (const [index, item] of given.entries()) {
      const loss = findLoss(item, echoed[index], `${path}[${index}]`);
      if (loss !== undefined) return loss;
    }
    return undefined;
  }
  if (typeof given === "object") return findLossInFields(given, echoed, path);
  if (isKept(given, echoed)) return undefined;
  return `${path} can't be kept as given: ${JSON.stringify(given)} would be ${JSON.stringify(echoed)}`;
}

function findLossInFields(given: object, echoed: unknown, path: string): string | undefined {
  if (typeof echoed !== "object" || echoed === null || Array.isArray(echoed)) {
    return `${path} is an object, and the message has none there`;
  }
  for (const [name, value] of Object.entries(given)) {
    const place = `${path}.${name}`;
    if (value === null) continue;
    if (!Object.hasOwn(echoed, name)) return `${place}: the message has no such field`;
    const loss = findLoss(value, (echoed as Readonly<Record<string, unknown>>)[name], place);
    if (loss !== undefined) return loss;
  }
  return undefined;
}

function isKept(given: unknown, echoed: unknown): boolean {
  if (given === echoed) return true;
  if (typeof given !== "number") return false;
  // 64-bit integers come back as texts, a float has fewer digits.
  if (typeof echoed === "string") return Number.isSafeInteger(given) && String(given) === echoed;
  return typeof echoed === "number" && Math.fround(given) === echoed;
}
