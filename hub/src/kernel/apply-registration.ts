// Apply: facts about registrations; frames to the hubs below and above are made here.

import type { Address, RegistrationContent } from "@cloudbrain/sdk/domain";
import type { RegistrationFact } from "./application-facts.ts";
import type { Registration } from "./application-state.ts";
import { type Applying, sendFrame } from "./apply.ts";
import { registrationKey } from "./registrations.ts";
import type { HubState } from "./state.ts";

export function applyRegistrationFact(applying: Applying, fact: RegistrationFact): void {
  const { state, dirty, atMs } = applying;
  if (fact.t === "registrationOpened") {
    const { t: _kind, upstream, ...content } = fact;
    const key = registrationKey(content);
    state.registrations.set(key, {
      ...content,
      upstream,
      children: new Map(),
      reported: undefined,
    });
    dirty.mark("registration", key);
    return;
  }
  const registration = state.registrations.get(fact.registration);
  if (registration === undefined) return;
  dirty.mark("registration", fact.registration);
  switch (fact.t) {
    case "registrationSent":
      for (const address of fact.children) {
        registration.children.set(address, { address, report: undefined, answeredAtMs: 0 });
        sendContent(applying, address, registration, false);
      }
      noteChange(state, registration);
      return;
    case "registrationAnswered": {
      const { child: address, report } = fact;
      registration.children.set(address, { address, report, answeredAtMs: atMs });
      noteChange(state, registration);
      return;
    }
    case "registrationReported": {
      registration.reported = fact.report;
      const { origin, application, version, upstream } = registration;
      if (upstream === undefined) return;
      const name = { origin, application, version };
      sendFrame(applying, upstream, { kind: "registered", ...name, ...fact.report });
      return;
    }
    case "registrationWithdrawn":
      for (const child of registration.children.keys()) {
        sendContent(applying, child, registration, true);
      }
      state.registrations.delete(fact.registration);
  }
}

function sendContent(
  applying: Applying,
  to: Address,
  { origin, application, version, title, hash, needs }: RegistrationContent,
  withdrawn: boolean,
): void {
  sendFrame(applying, to, {
    kind: "register",
    origin,
    application,
    version,
    title,
    hash,
    needs: withdrawn ? [] : needs,
    withdrawn,
  });
}

/** What we report of it may differ from what we have reported. */
function noteChange(state: HubState, registration: Registration): void {
  if (registration.upstream !== undefined) state.registrationsChanged = true;
}

/** The child has a new store: it knows nothing of what it was told. */
export function forgetTold(applying: Applying, child: Address): void {
  const { state, dirty } = applying;
  for (const [key, registration] of state.registrations) {
    if (!registration.children.delete(child)) continue;
    dirty.mark("registration", key);
    noteChange(state, registration);
  }
}
