// Chain notes: what people did to a chain by hand, as its row keeps it for whoever asks later.

import { limits } from "@cloudbrain/sdk/domain";
import type { Applying } from "./apply.ts";
import type { Chain, ChainNote } from "./state.ts";

/** Adds a note; beyond the limit the oldest leaves the row, never the journal. */
export function noteChain(applying: Applying, chain: Chain, note: Omit<ChainNote, "atMs">): void {
  const kept = chain.notes.slice(-(limits.chainNotesMax - 1));
  chain.notes = [...kept, { atMs: applying.atMs, ...note }];
}
