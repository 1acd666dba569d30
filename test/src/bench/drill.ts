// Drill: the demonstration's typhoon drill over every community of Qingdao, its figures passed on.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MeshError } from "@cloudbrain/sdk/domain";
import type { BenchResult, BenchRun } from "./bench-result.ts";

const demo = fileURLToPath(new URL("../../../demo/dist/main.js", import.meta.url));
/** One district, in a short run. */
const district = "370202";

interface DrillFigures {
  readonly chainMs: { readonly p50: number; readonly max: number };
  readonly [name: string]: unknown;
}

export async function runDrill(run: BenchRun): Promise<void> {
  const only = run.isShort ? ["--only", district] : [];
  run.note("drill");
  const child = spawn(process.execPath, [demo, "--rounds", "3", "--json", ...only], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    text += chunk;
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) {
    const detail = `it ended with code ${code}: ${text.trim()}`;
    throw new MeshError("DEFECT", { subject: "drill", detail });
  }
  const { chainMs, ...rest } = JSON.parse(text) as DrillFigures;
  const figures: Record<string, number | string | boolean> = {
    chainMsP50: chainMs.p50,
    chainMsMax: chainMs.max,
  };
  for (const [name, value] of Object.entries(rest)) {
    if (isFigure(value)) figures[name] = value;
  }
  run.report({ bench: "drill", figures });
}

function isFigure(value: unknown): value is BenchResult["figures"][string] {
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean";
}
