// District table: what each district reported, and all of them together.

import { formatTable } from "@cloudbrain/sdk/cli";
import type { JsonObject } from "@cloudbrain/sdk/domain";
import type { Division } from "./divisions.ts";
import type { Drill } from "./drill.ts";
import type { DemoTexts } from "./texts.ts";

export function formatDistricts(
  drill: Drill,
  divisions: readonly Division[],
  text: DemoTexts,
): string {
  const nameOf = new Map<string, string>(divisions.map(({ address, name }) => [address, name]));
  const rows = drill.districts.map((district) => [
    nameOf.get(district.address) ?? district.address,
    ...figures(district.members, district.replied, district.aggregate),
  ]);
  rows.push([text.total, ...figures(drill.members, drill.replied, drill.aggregate)]);
  return formatTable(text.columns, rows);
}

function figures(members: number, replied: number, aggregate: JsonObject): string[] {
  const { evacuated, stranded, maxWater } = aggregate;
  return [members, replied, evacuated, stranded, maxWater].map((value) => String(value ?? "-"));
}
