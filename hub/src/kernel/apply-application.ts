// Apply: facts about publications and pins.

import type { ApplicationFact } from "./application-facts.ts";
import { publicationOf } from "./application-versions.ts";
import type { Applying } from "./apply.ts";
import { applicationKey } from "./apply-chain.ts";

export function applyApplicationFact(applying: Applying, fact: ApplicationFact): void {
  const { state, dirty, atMs } = applying;
  switch (fact.t) {
    case "published":
      publish(applying, fact);
      return;
    case "applicationStateSet": {
      const key = applicationKey(fact);
      const publication = publicationOf(state, fact);
      state.publications.set(key, {
        ...publication,
        state: fact.state,
        stateSetter: fact.setter,
        stateAtMs: atMs,
      });
      dirty.mark("publication", key);
      if (fact.state !== "retired" || state.pins.get(fact.id)?.version !== fact.version) return;
      // It takes no chains any more, so it can't be the current one.
      state.pins.delete(fact.id);
      dirty.mark("pin", fact.id);
      return;
    }
    case "applicationPinned":
      if (fact.version === "") state.pins.delete(fact.id);
      else state.pins.set(fact.id, { version: fact.version, setter: fact.setter, atMs });
      dirty.mark("pin", fact.id);
  }
}

function publish(
  { state, dirty, atMs }: Applying,
  fact: Extract<ApplicationFact, { t: "published" }>,
): void {
  const { application, source, sourceHash = "", publisher = "" } = fact;
  const key = applicationKey(application);
  state.applications.set(key, application);
  dirty.mark("application", key);
  state.publications.set(key, {
    sourceHash,
    publisher,
    publishedAtMs: atMs,
    state: "published",
    stateSetter: "",
    stateAtMs: 0,
  });
  dirty.mark("publication", key);
  if (source === undefined || sourceHash === "") return;
  state.sources.set(sourceHash, source);
  dirty.mark("source", sourceHash);
}
