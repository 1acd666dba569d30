// Chains over a mesh of kernels: what most tests of the kernel do with one.

import { audit, type ChainRow, HubKernel, type HubOutput } from "@cloudbrain/hub/kernel";
import { createEvaluate, createValidate } from "@cloudbrain/sdk/definition";
import {
  type Address,
  type Application,
  type JsonValue,
  parentOf,
  type Row,
} from "@cloudbrain/sdk/domain";
import * as assert from "uvu/assert";
import type { KernelMesh } from "./kernel-mesh.ts";

export const city = "/c" as Address;

export function publish(mesh: KernelMesh, application: Application): void {
  mesh.step(city, { type: "publish", request: 1, application });
}

export function submit(
  mesh: KernelMesh,
  chain: string,
  input: JsonValue = {},
  submitter = "tester",
): readonly HubOutput[] {
  const outputs = mesh.step(city, {
    type: "submit",
    request: 2,
    chain,
    application: "test.app",
    version: "",
    key: chain,
    bodyHash: "body",
    input,
    submitter,
    holder: undefined,
  });
  mesh.deliver();
  return outputs;
}

export function chainOf(mesh: KernelMesh, chain: string): ChainRow {
  const row = mesh.hub(city).chainNow(chain);
  if (row === undefined) throw new Error(`no chain ${chain}`);
  return row;
}

export function stepOf(mesh: KernelMesh, chain: string, step: string): ChainRow["steps"][number] {
  const found = chainOf(mesh, chain).steps.find(({ id }) => id === step);
  if (found === undefined) throw new Error(`no step ${step}`);
  return found;
}

function isLive({ table, value }: Row): boolean {
  return table !== "past" && value !== undefined;
}

/** No rule of the auditor is broken, and the journal's facts give the live state at every hub. */
export function assertSound(mesh: KernelMesh): void {
  for (const [address, live] of mesh.hubs) {
    assert.equal(audit(live.state), [], address);
    const replayed = new HubKernel({
      address,
      hasParent: mesh.hubs.has(parentOf(address) ?? city) && address !== city,
      evaluate: createEvaluate(),
      validate: createValidate(),
    });
    for (const { fact, atMs } of mesh.facts.get(address) ?? []) replayed.apply(fact, atMs);
    assert.equal(replayed.dump(), live.dump(), address);
    // Rows alone, as a checkpoint keeps them, give it as well.
    const restored = new HubKernel({
      address,
      hasParent: address !== city,
      evaluate: createEvaluate(),
      validate: createValidate(),
    });
    const rows = live.dump().filter(isLive);
    for (const row of structuredClone(rows)) restored.restore(row);
    assert.equal(restored.dump().filter(isLive), rows, `${address} from its rows`);
  }
}
