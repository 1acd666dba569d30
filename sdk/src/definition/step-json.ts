// Step as JSON: one step of an application, by its type.

import type {
  GateStep,
  Need,
  SignalStep,
  Step,
  SubflowStep,
  TimerStep,
} from "../domain/application.ts";
import { limits } from "../domain/limits.ts";
import type { Title } from "../domain/value.ts";
import { decodeAggregate, decodeEach, decodeMembers } from "./fanout-json.ts";
import { decodeEscalation, decodeHuman } from "./human-json.ts";
import type { JsonFields } from "./json-fields.ts";
import { presentFields } from "./present-fields.ts";
import type { SharedStep } from "./step-kind.ts";
import {
  closed,
  decodeDeadlines,
  decodeMapping,
  decodeMatch,
  decodeOptionalCompensation,
  decodeOptionalMapping,
  decodeRetry,
  durationBounds,
} from "./step-parts-json.ts";

const stepTypes = ["service", "human", "fanout", "subflow", "timer", "gate", "signal"] as const;

export function decodeStep(fields: JsonFields, decodeTitle: (fields: JsonFields) => Title): Step {
  const title = fields.optionalChild("title");
  return closed(fields, () =>
    decodeTyped(fields, {
      id: fields.text("id", 64),
      title: title === undefined ? undefined : decodeTitle(title),
      needs: fields.children("needs", limits.stepsMax).map(decodeNeed),
      when: fields.optionalText("when"),
      onError: decodeOptionalMapping(fields, "onError"),
      ...presentFields({
        output: decodeOptionalMapping(fields, "output"),
        compensate: decodeOptionalCompensation(fields),
      }),
    }),
  );
}

function decodeNeed(fields: JsonFields): Need {
  return closed(fields, () => ({
    step: fields.text("step", 64),
    on: fields.choice("on", ["done", "failed", "partial"]),
  }));
}

function decodeTyped(fields: JsonFields, shared: SharedStep): Step {
  const type = fields.choice("type", stepTypes);
  switch (type) {
    case "service":
      return {
        ...shared,
        type,
        match: closed(fields.child("match"), decodeMatch),
        input: decodeOptionalMapping(fields, "input"),
        deadlines: closed(fields.child("deadlines"), decodeDeadlines),
        retry: closed(fields.child("retry"), decodeRetry),
      };
    case "human":
      return {
        ...shared,
        type,
        match: closed(fields.child("match"), decodeMatch),
        input: decodeOptionalMapping(fields, "input"),
        human: closed(fields.child("human"), decodeHuman),
        deadlines: closed(fields.child("deadlines"), decodeDeadlines),
        escalate: fields.children("escalate").map(decodeEscalation),
      };
    case "fanout":
      return {
        ...shared,
        type,
        members: closed(fields.child("members"), decodeMembers),
        each: closed(fields.child("each"), decodeEach),
        aggregate: closed(fields.child("aggregate"), decodeAggregate),
      };
    case "subflow": {
      const deadlines = closed(fields.child("deadlines"), decodeDeadlines);
      return {
        ...shared,
        type,
        subflow: closed(fields.child("subflow"), decodeSubflow),
        deadlines,
      };
    }
    case "timer":
      return { ...shared, type, timer: closed(fields.child("timer"), decodeTimer) };
    case "gate": {
      const deadlines = closed(fields.child("deadlines"), decodeDeadlines);
      return { ...shared, type, gate: closed(fields.child("gate"), decodeGate), deadlines };
    }
    case "signal":
      return { ...shared, type, signal: closed(fields.child("signal"), decodeSignal) };
  }
}

function decodeTimer(fields: JsonFields): TimerStep["timer"] {
  const kind = fields.choice("kind", ["for", "until"]);
  if (kind === "until") return { kind, at: decodeMapping(fields.child("at")) };
  return { kind, ms: fields.number("ms", durationBounds), calendar: fields.text("calendar", 64) };
}

function decodeGate(fields: JsonFields): GateStep["gate"] {
  return {
    signal: fields.text("signal", 128),
    schema: fields.optionalValue("schema"),
    where: fields.optionalText("where"),
  };
}

function decodeSignal(fields: JsonFields): SignalStep["signal"] {
  return { name: fields.text("name", 128), payload: decodeOptionalMapping(fields, "payload") };
}

function decodeSubflow(fields: JsonFields): SubflowStep["subflow"] {
  return {
    application: fields.text("application", 128),
    version: fields.text("version", 64),
    input: decodeOptionalMapping(fields, "input"),
    onParentCancel: fields.choice("onParentCancel", ["cancel", "leave"]),
  };
}
