// Present fields: what came later into the language stays out of a definition that does not use
// it, so that an older definition keeps its form and its hash.

/** A copy without the fields that are undefined. */
export function presentFields<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> } {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };
}
