// Authority chain: authorities below a root, right ones and such as nobody may accept.

import { createPrivateKey } from "node:crypto";
import type { Address } from "@cloudbrain/sdk/domain";
import {
  createMeshAuthority,
  issueCertificate,
  type MeshAuthority,
  openMeshAuthority,
} from "@cloudbrain/sdk/identity";
import { X509Certificate } from "@peculiar/x509";

const dayMs = 86_400_000;

export interface ChainPlan {
  readonly mesh: string;
  /** Of the root. */
  readonly rootAddress: Address;
  /** Of the authority below it. */
  readonly belowAddress: Address;
  readonly nowMs: number;
}

export async function makeRoot({ mesh, rootAddress, nowMs }: ChainPlan): Promise<MeshAuthority> {
  return openMeshAuthority(
    await createMeshAuthority({ mesh, rootAddress, nowMs: nowMs - dayMs, days: 3 }),
    mesh,
  );
}

export async function makeBelow(
  issuer: MeshAuthority,
  { mesh, belowAddress, nowMs }: ChainPlan,
): Promise<MeshAuthority> {
  const made = { mesh, rootAddress: belowAddress, nowMs: nowMs - dayMs, days: 2, issuer };
  return openMeshAuthority(await createMeshAuthority(made), mesh);
}

/** Authorities that no node of `root` may follow, by what is wrong with them. */
export async function makeWrongBelow(
  root: MeshAuthority,
  plan: ChainPlan,
): Promise<ReadonlyMap<string, MeshAuthority>> {
  const { mesh, belowAddress, nowMs } = plan;
  const foreign = await makeBelow(await makeRoot(plan), plan);
  const node = await issueCertificate(root, {
    address: belowAddress,
    notBeforeMs: nowMs - dayMs,
    notAfterMs: nowMs + dayMs,
  });
  const past = { mesh, rootAddress: belowAddress, nowMs: nowMs - 2 * dayMs, days: 1, issuer: root };
  return new Map([
    ["foreign", { ...foreign, certificatePem: root.certificatePem }],
    [
      "no authority",
      {
        mesh,
        certificatePem: root.certificatePem,
        chainPem: node.certificatePem,
        certificate: new X509Certificate(node.certificatePem),
        signingKey: createPrivateKey(node.privateKeyPem),
        permittedNames: undefined,
      },
    ],
    ["expired", await openMeshAuthority(await createMeshAuthority(past), mesh)],
    ["not presented", { ...(await makeBelow(root, plan)), chainPem: "" }],
  ]);
}
