import "reflect-metadata";
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, isMeshError } from "@cloudbrain/sdk/domain";
import {
  checkCredentials,
  issueCertificate,
  type MeshAuthority,
  openMeshAuthority,
  parsePeerCertificate,
} from "@cloudbrain/sdk/identity";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  X509Certificate as ParsedCertificate,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import * as assert from "uvu/assert";
import { type ChainPlan, makeBelow, makeRoot, makeWrongBelow } from "../support/authority-chain.ts";
import { suite } from "../support/suite.ts";

const test = suite("authorities in a chain");
const now = Date.now();
const hour = 3_600_000;
const mesh = "qd.mesh";
const address = "/3702/370202/s-desk" as Address;
const period = { notBeforeMs: now - hour, notAfterMs: now + hour };
const plan: ChainPlan = {
  mesh,
  rootAddress: "/3702" as Address,
  belowAddress: "/3702/370202" as Address,
  nowMs: now,
};

let root: MeshAuthority;
let below: MeshAuthority;
test.before(async () => {
  root = await makeRoot(plan);
  below = await makeBelow(root, plan);
});

function keyIdsOf(pem: string): { readonly own: string; readonly issuer: string | undefined } {
  const certificate = new ParsedCertificate(pem);
  const own = certificate.getExtension(SubjectKeyIdentifierExtension)?.keyId ?? "";
  return { own, issuer: certificate.getExtension(AuthorityKeyIdentifierExtension)?.keyId };
}

test("certificates name their own key and that of who signed them", async () => {
  const rootIds = keyIdsOf(root.certificatePem);
  const belowIds = keyIdsOf(below.chainPem);
  const { certificatePem } = await issueCertificate(below, { address, ...period });
  const ids = keyIdsOf(certificatePem);
  assert.equal(
    [rootIds.issuer, belowIds.issuer, ids.issuer],
    [undefined, rootIds.own, belowIds.own],
  );
  // RFC 7093: the last 65 bytes of a P-256 key in DER are the bits that are hashed.
  const bits = new X509Certificate(certificatePem).publicKey
    .export({ type: "spki", format: "der" })
    .subarray(-65);
  const expected = createHash("sha256").update(bits).digest("hex").slice(0, 40);
  assert.is(ids.own, expected);
  assert.is(parsePeerCertificate(new X509Certificate(certificatePem)).address, address);
});

test("Node.js tells two authorities of one name apart by their keys", async () => {
  const other = await makeRoot(plan);
  const issued = new X509Certificate(
    (await issueCertificate(root, { address, ...period })).certificatePem,
  );
  const [own, namesake] = [root, other].map((each) => new X509Certificate(each.certificatePem));
  assert.is(own?.subject, namesake?.subject);
  assert.ok(own !== undefined && issued.checkIssued(own));
  assert.ok(namesake !== undefined && !issued.checkIssued(namesake));
});

test("an authority whose certificate names no key can sign all the same", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const spki = publicKey.export({ type: "spki", format: "der" });
  const pkcs8 = privateKey.export({ type: "pkcs8", format: "der" });
  const plain = await X509CertificateGenerator.createSelfSigned({
    name: "CN=plain",
    notBefore: new Date(now - hour),
    notAfter: new Date(now + hour),
    signingAlgorithm: algorithm,
    keys: {
      publicKey: await webcrypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
      privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]),
    },
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const pem = { certificatePem: plain.toString("pem"), privateKeyPem };
  const issued = await issueCertificate(await openMeshAuthority(pem, mesh), { address, ...period });
  assert.is(keyIdsOf(issued.certificatePem).issuer, undefined);
  const certificate = new X509Certificate(issued.certificatePem);
  assert.ok(certificate.checkIssued(new X509Certificate(pem.certificatePem)));
  assert.is(parsePeerCertificate(certificate).address, address);
});

test("an authority file that does not lead to a root is refused", async () => {
  const privateKeyPem = below.signingKey.export({ type: "pkcs8", format: "pem" }).toString();
  const error = await openMeshAuthority(
    { certificatePem: below.chainPem, privateKeyPem },
    mesh,
  ).then(
    () => undefined,
    (refused: unknown) => refused,
  );
  assert.ok(isMeshError(error) && error.code === "IDENTITY_INVALID");
  assert.match(error.message, "must end with the root of the mesh");
});

test("credentials below an authority are taken with its certificate and refused otherwise", async () => {
  const check = async (authority: MeshAuthority): Promise<string> => {
    const issued = await issueCertificate(authority, { address, ...period });
    try {
      const pem = { ...issued, authorityPem: root.certificatePem };
      return checkCredentials(pem, "own", now).identity.address;
    } catch (error) {
      return isMeshError(error) ? `${error.code} ${error.subject}` : String(error);
    }
  };
  assert.is(await check(below), address);
  assert.is(await check(await makeBelow(below, plan)), address);
  const wrong = await makeWrongBelow(root, plan);
  const found: [string, string][] = [];
  for (const [what, authority] of wrong) found.push([what, await check(authority)]);
  const untrusted = `IDENTITY_UNTRUSTED ${join("own", "node.crt")}`;
  assert.equal(found, [
    ["foreign", untrusted],
    ["no authority", untrusted],
    ["expired", `IDENTITY_EXPIRED ${join("own", "node.crt")}`],
    ["not presented", untrusted],
  ]);
});

const strict = "openssl takes the chains by the letter of RFC 5280 (-x509_strict)";
if (spawnSync("openssl", ["version"]).status === 0) {
  test(strict, async () => {
    const directory = mkdtempSync(join(tmpdir(), "cloudbrain-openssl-"));
    try {
      const [ca, chain, leaf] = ["ca.crt", "chain.crt", "node.crt"].map((name) =>
        join(directory, name),
      );
      assert.ok(ca !== undefined && chain !== undefined && leaf !== undefined);
      writeFileSync(ca, root.certificatePem);
      for (const authority of [root, below, await makeBelow(below, plan)]) {
        writeFileSync(chain, authority.chainPem === "" ? root.certificatePem : authority.chainPem);
        writeFileSync(
          leaf,
          (await issueCertificate(authority, { address, ...period })).certificatePem,
        );
        const flags = ["-x509_strict", "-purpose", "sslserver", "-CAfile", ca, "-untrusted", chain];
        const { stdout, stderr } = spawnSync("openssl", ["verify", ...flags, leaf], {
          encoding: "utf8",
        });
        assert.is(`${stdout}${stderr}`, `${leaf}: OK\n`);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
} else test.skip("there is no openssl on this machine", strict);
