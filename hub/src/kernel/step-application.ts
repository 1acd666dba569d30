// Steps: applications are published, deprecated, retired and rolled back.
//
//   B3  A version is published once; its state only moves on, but that deprecation may be taken
//       back. A retired one stays retired.
//   B4  Whatever becomes of a version, chains that run keep it.

import type { ApplicationEvent } from "./application-events.ts";
import { findApplication, publicationOf, whyNotFound } from "./application-versions.ts";
import { applicationKey } from "./apply-chain.ts";
import { type Deciding, refuse, reply } from "./deciding.ts";
import { registrationKey } from "./registrations.ts";
import { registerOwn, withdrawRegistration } from "./step-registration.ts";

type EventOf<Type extends ApplicationEvent["type"]> = Extract<ApplicationEvent, { type: Type }>;

export function stepApplication(deciding: Deciding, event: ApplicationEvent): void {
  if (event.type === "publish") publish(deciding, event);
  else if (event.type === "rollBack") rollBack(deciding, event);
  else setState(deciding, event);
}

function publish(deciding: Deciding, event: EventOf<"publish">): void {
  const { type: _type, request, application, ...text } = event;
  const { state } = deciding;
  const known = state.applications.get(applicationKey(application));
  if (known !== undefined && known.hash !== application.hash) {
    refuse(
      deciding,
      request,
      "APPLICATION_EXISTS",
      `${application.id} ${application.version} is published with another content: ` +
        "raise metadata.version",
    );
    return;
  }
  if (known !== undefined && publicationOf(state, known).state === "retired") {
    const detail = `${known.id} ${known.version} is retired: raise metadata.version`;
    refuse(deciding, request, "APPLICATION_RETIRED", detail);
    return;
  }
  if (known === undefined) {
    deciding.decide({ t: "published", application, ...text });
    registerOwn(deciding);
  }
  reply(deciding, request, { kind: "done" });
}

function setState(deciding: Deciding, event: EventOf<"setApplicationState">): void {
  const { type: _type, request, ...wanted } = event;
  const { state } = deciding;
  if (!state.applications.has(applicationKey(wanted))) {
    refuseUnknown(deciding, request, wanted.id, wanted.version);
    return;
  }
  const now = publicationOf(state, wanted).state;
  if (now !== wanted.state) {
    if (now === "retired") {
      const detail = `${wanted.id} ${wanted.version} is retired for good: publish another version`;
      refuse(deciding, request, "APPLICATION_RETIRED", detail);
      return;
    }
    deciding.decide({ t: "applicationStateSet", ...wanted });
    if (wanted.state === "retired") {
      const name = { origin: state.self, application: wanted.id, version: wanted.version };
      withdrawRegistration(deciding, registrationKey(name));
    }
  }
  reply(deciding, request, { kind: "done" });
}

function rollBack(deciding: Deciding, event: EventOf<"rollBack">): void {
  const { type: _type, request, ...pin } = event;
  const { state } = deciding;
  const pinned = state.pins.get(pin.id)?.version ?? "";
  if (pin.version !== "") {
    const meant = state.applications.get(applicationKey(pin));
    if (meant === undefined) {
      refuseUnknown(deciding, request, pin.id, pin.version);
      return;
    }
    if (publicationOf(state, meant).state === "retired") {
      const detail = `${pin.id} ${pin.version} is retired and takes no chains: choose another`;
      refuse(deciding, request, "APPLICATION_RETIRED", detail);
      return;
    }
  } else if (pinned === "" && findApplication(state, pin.id, "") === undefined) {
    refuseUnknown(deciding, request, pin.id, "");
    return;
  }
  if (pinned !== pin.version) deciding.decide({ t: "applicationPinned", ...pin });
  reply(deciding, request, { kind: "done" });
}

/** Says what is published instead, where it is. */
export function refuseUnknown(
  deciding: Deciding,
  request: number,
  id: string,
  version: string,
): void {
  const why = whyNotFound(deciding.state, id, version);
  const what = `${id} ${version}`.trim();
  const detail = why === "" ? `${what} is not published at this hub` : why;
  refuse(deciding, request, "APPLICATION_UNKNOWN", detail);
}
