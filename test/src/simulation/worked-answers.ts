// Worked answers: what systems and people of the worked applications answer, made from the tag of
// the answer, and what an aggregate has to say of a list of tags.

import { createValidate } from "@cloudbrain/sdk/definition";
import type { JsonObject } from "@cloudbrain/sdk/domain";
import { numberOf } from "./scenarios.ts";

/** One for all worlds: schemas are compiled once. */
export const validate = createValidate();

const gaugeShare = 700;

/** What a system answers. */
export function answerOf(capability: string, tag: string): JsonObject {
  const number = numberOf(tag);
  switch (capability) {
    case "resident.proof/v1":
      return number < 800 ? { confirmed: true } : { confirmed: false, remark: `see ${number}` };
    case "permit.accept/v1":
      return { caseNo: `A-${tag}`, station: "station-hongkong-road" };
    case "rescue.dispatch/v1":
      return { rescued: number % 7 };
    default:
      return {};
  }
}

/** What a person fills in. */
export function formOf(step: string, tag: string): JsonObject {
  const number = numberOf(tag);
  switch (step) {
    case "dispatch":
      return { unit: "water-office", ...(number < 300 ? { coUnits: ["housing-office"] } : {}) };
    case "undertake":
    case "handle":
      return { result: number < 500 ? "solved" : "explained", answer: `answer number ${number}` };
    case "evaluate": {
      const words = number % 2 === 0 ? { words: "again" } : {};
      return { reached: number > 100, satisfied: number > 400, ...words };
    }
    case "alert": {
      const stranded = number % 3 === 0 ? 1 + (number % 5) : 0;
      // Not every community has a gauge.
      const gauge = number < gaugeShare ? { waterLevelCm: number % 90 } : {};
      return { evacuated: number, shelters: number % 4, stranded, ...gauge };
    }
    case "review":
      return { granted: number > 200, opinion: `opinion ${number}` };
    default:
      return {};
  }
}

export function figuresOf(application: string, step: string, tags: readonly string[]): JsonObject {
  switch (`${application.slice(0, application.indexOf("@"))} ${step}`) {
    case "emergency.typhoon alert":
      return reportFigures(tags);
    case "emergency.typhoon rescue":
      return { teams: tags.length, ...rescueFigures(tags) };
    case "emergency.typhoon.second rescue":
      return rescueFigures(tags);
    case "resident.permit proofs":
      return proofFigures(tags);
    default:
      return { unknown: `${application} ${step}` };
  }
}

/** `CHAIN.alert.1!/3702/370202/370202001/370202001001#1r2` tells of community 370202001001. */
function keyOf(tag: string): string {
  return tag.slice(tag.indexOf("!") + 1, tag.lastIndexOf("#"));
}

function reportFigures(tags: readonly string[]): JsonObject {
  const forms = tags.map((tag) => formOf("alert", tag));
  const total = (name: string): number => {
    return forms.reduce((sum, form) => sum + Number(form[name]), 0);
  };
  const levels = forms.flatMap((form) => {
    return form["waterLevelCm"] === undefined ? [] : [Number(form["waterLevelCm"])];
  });
  const sum = levels.reduce((all, level) => all + level, 0);
  return {
    evacuated: total("evacuated"),
    stranded: total("stranded"),
    shelters: total("shelters"),
    reported: tags.length,
    avgWater: levels.length === 0 ? null : sum / levels.length,
    maxWater: levels.length === 0 ? null : Math.max(...levels),
    strandedAt: tags
      .filter((tag) => Number(formOf("alert", tag)["stranded"]) > 0)
      .map((tag) => keyOf(tag).slice(keyOf(tag).lastIndexOf("/") + 1)),
  };
}

function rescueFigures(tags: readonly string[]): JsonObject {
  const rescued = tags.map((tag) => Number(answerOf("rescue.dispatch/v1", tag)["rescued"]));
  return { rescued: rescued.reduce((sum, count) => sum + count, 0), reached: tags.map(keyOf) };
}

function proofFigures(tags: readonly string[]): JsonObject {
  const proofs = tags.map((tag) => answerOf("resident.proof/v1", tag));
  return {
    sources: tags.length,
    doubtful: proofs.filter((proof) => proof["confirmed"] !== true).length,
    remarks: proofs.flatMap((proof) => (proof["remark"] === undefined ? [] : [proof["remark"]])),
  };
}
