// Lists: the first of a stream, and whether there are more.

/** `limit` 0 takes all. One more is asked for, so that "there is more" is true. */
export async function takeFirst<Item>(
  items: AsyncIterable<Item>,
  limit: number,
): Promise<{ readonly items: readonly Item[]; readonly hasMore: boolean }> {
  const taken: Item[] = [];
  for await (const item of items) {
    if (limit > 0 && taken.length === limit) return { items: taken, hasMore: true };
    taken.push(item);
  }
  return { items: taken, hasMore: false };
}
