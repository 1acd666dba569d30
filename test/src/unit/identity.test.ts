import "reflect-metadata";
import { generateKeyPairSync, type webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { type Address, isMeshError } from "@cloudbrain/sdk/domain";
import {
  certificateDelayMs,
  createMeshAuthority,
  credentialFiles,
  dnsNameOf,
  issueCertificate,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
  parseMeshName,
  parsePeerCertificate,
  readCredentials,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("identity");
const now = Date.now();
const hour = 3_600_000;
const root = "/3702" as Address;
const address = "/3702/370202" as Address;
const period = { notBeforeMs: now - hour, notAfterMs: now + hour };

async function makeAuthority(mesh = "qd.mesh"): Promise<MeshAuthority> {
  const pem = await createMeshAuthority({ mesh, rootAddress: root, nowMs: now - hour, days: 2 });
  return await openMeshAuthority(pem, mesh);
}

interface Oddity {
  readonly names?: JsonGeneralNames;
  readonly usages?: readonly string[];
  readonly ca?: boolean;
}

const bothUsages = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
const uri = (value: string): JsonGeneralNames[number] => ({ type: "url", value });
const dns = (value: string): JsonGeneralNames[number] => ({ type: "dns", value });

/** What no authority of ours would sign. */
async function makeOddCertificate(authority: MeshAuthority, odd: Oddity) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const extensions: Extension[] = [new BasicConstraintsExtension(odd.ca ?? false)];
  const usages = odd.usages ?? bothUsages;
  if (usages.length > 0) extensions.push(new ExtendedKeyUsageExtension([...usages]));
  const names = odd.names ?? [
    uri(`spiffe://qd.mesh${address}`),
    dns(dnsNameOf(address, "qd.mesh")),
  ];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const certificate = await X509CertificateGenerator.create({
    subject: "CN=odd",
    issuer: authority.certificate.subject,
    notBefore: new Date(period.notBeforeMs),
    notAfter: new Date(period.notAfterMs),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    publicKey: new PublicKey(publicKey.export({ type: "spki", format: "der" })),
    signingKey: authority.signingKey as webcrypto.CryptoKey,
    extensions,
  });
  return {
    certificatePem: certificate.toString("pem"),
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function reasonOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isMeshError(error)) return `${error.code} ${error.subject ?? ""} ${error.detail ?? ""}`;
    throw error;
  }
  throw new Error("it was taken");
}

test("an issued certificate names its node once as URI and once as DNS name", async () => {
  const authority = await makeAuthority();
  const issued = await issueCertificate(authority, { address, ...period });
  const certificate = new X509Certificate(issued.certificatePem);
  const seconds = (ms: number): number => Math.floor(ms / 1_000) * 1_000;
  assert.equal(parsePeerCertificate(certificate.raw), {
    address,
    mesh: "qd.mesh",
    notBeforeMs: seconds(period.notBeforeMs),
    notAfterMs: seconds(period.notAfterMs),
    fingerprint: certificate.fingerprint256,
  });
  assert.is(
    certificate.subjectAltName,
    "URI:spiffe://qd.mesh/3702/370202, DNS:370202.3702.qd.mesh",
  );
  assert.not(certificate.ca);
});

test("credentials that were just issued are what parsing them would tell", async () => {
  const authority = await makeAuthority();
  const { identity, certificatePem } = await issueCredentials(authority, { address, ...period });
  const parsed = parsePeerCertificate(new X509Certificate(certificatePem));
  assert.is(identity.address, parsed.address);
  assert.is(identity.mesh, parsed.mesh);
  assert.is(identity.fingerprint, parsed.fingerprint);
});

const good = [uri("spiffe://qd.mesh/3702/370202"), dns("370202.3702.qd.mesh")];
const oddities: readonly (readonly [string, Oddity, RegExp])[] = [
  ["no names", { names: [] }, /exactly one URI and one DNS name, it names: nothing/],
  ["two URIs", { names: [...good, uri("spiffe://qd.mesh/3702")] }, /exactly one URI/],
  ["two DNS names", { names: [...good, dns("3702.qd.mesh")] }, /exactly one URI/],
  ["an e-mail beside", { names: [...good, { type: "email", value: "a@b.c" }] }, /exactly one URI/],
  [
    "a sibling's DNS name",
    { names: [good[0], dns("370203.3702.qd.mesh")] as JsonGeneralNames },
    /is not 370202\.3702\.qd\.mesh/,
  ],
  [
    "another scheme",
    { names: [uri("https://qd.mesh/3702/370202"), good[1]] as JsonGeneralNames },
    /does not begin with spiffe/,
  ],
  [
    "upper case",
    { names: [uri("spiffe://QD.mesh/3702/370202"), good[1]] as JsonGeneralNames },
    /not the name of a mesh/,
  ],
  [
    "percent encoding",
    { names: [uri("spiffe://qd.mesh/3702/%33"), good[1]] as JsonGeneralNames },
    /names no address/,
  ],
  [
    "a dot segment",
    { names: [uri("spiffe://qd.mesh/3702/.."), good[1]] as JsonGeneralNames },
    /names no address/,
  ],
  [
    "a trailing slash",
    { names: [uri("spiffe://qd.mesh/3702/"), good[1]] as JsonGeneralNames },
    /names no address/,
  ],
  [
    "no path",
    { names: [uri("spiffe://qd.mesh"), good[1]] as JsonGeneralNames },
    /names no address/,
  ],
  [
    "a separator inside a name",
    { names: [uri("spiffe://qd.mesh/3702/370202, DNS:x"), good[1]] as JsonGeneralNames },
    /names no address/,
  ],
  ["an authority's", { ca: true }, /CA:true/],
  ["no client use", { usages: bothUsages.slice(0, 1) }, /clientAuth and serverAuth/],
  ["no extended use", { usages: [] }, /clientAuth and serverAuth/],
];

for (const [what, odd, reason] of oddities) {
  test(`a certificate with ${what} is refused with that reason`, async () => {
    const { certificatePem } = await makeOddCertificate(await makeAuthority(), odd);
    const told = reasonOf(() => parsePeerCertificate(new X509Certificate(certificatePem)));
    assert.match(told, /^IDENTITY_INVALID/);
    assert.match(told, reason);
  });
}

test("bytes that are no certificate are refused", () => {
  assert.match(
    reasonOf(() => parsePeerCertificate(new Uint8Array(40))),
    /^IDENTITY_INVALID/,
  );
});

/** What TLS itself says about a server with this certificate; empty when it takes it. */
async function handshake(
  authority: MeshAuthority,
  pem: { readonly certificatePem: string; readonly privateKeyPem: string },
): Promise<string> {
  const server = createServer({
    key: pem.privateKeyPem,
    cert: pem.certificatePem,
    minVersion: "TLSv1.3",
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (socket: TLSSocket) => socket.on("error", () => undefined).end());
  const client = connect({
    port,
    host: "127.0.0.1",
    ca: authority.certificatePem,
    checkServerIdentity: () => undefined,
  });
  try {
    return await new Promise<string>((resolve) => {
      client.once("secureConnect", () => resolve(""));
      client.once("error", (error) => resolve(error.message));
    });
  } finally {
    client.destroy();
    server.close();
  }
}

test("TLS takes a node of the mesh, and refuses another authority's and a foreign DNS name", async () => {
  const authority = await makeAuthority();
  const issued = await issueCertificate(authority, { address, ...period });
  assert.is(await handshake(authority, issued), "");
  assert.is.not(await handshake(await makeAuthority(), issued), "");
  const names = [uri("spiffe://qd.mesh/3703"), dns("3703.qd.mesh")];
  const outside = await makeOddCertificate(authority, { names });
  assert.match(await handshake(authority, outside), /permitted subtree violation/);
});

test("files are written for their owner alone and read back", async () => {
  const directory = mkdtempSync(join(tmpdir(), "cloudbrain-identity-"));
  try {
    const authority = await makeAuthority();
    const issued = await issueCertificate(authority, { address, ...period });
    const home = join(directory, "node");
    writeCredentials(home, { ...issued, authorityPem: authority.certificatePem });
    assert.is(statSync(join(home, credentialFiles.privateKey)).mode & 0o777, 0o600);
    assert.is(statSync(home).mode & 0o777, 0o700);
    assert.is(readCredentials(home).identity.address, address);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("bad files are refused with the file and the reason", async () => {
  const directory = mkdtempSync(join(tmpdir(), "cloudbrain-identity-"));
  try {
    const authority = await makeAuthority();
    const issued = await issueCertificate(authority, { address, ...period });
    const other = await issueCertificate(authority, { address, ...period });
    const authorityPem = authority.certificatePem;
    writeCredentials(directory, { ...issued, authorityPem });
    const told = (): string => reasonOf(() => readCredentials(directory));
    const put = (name: string, text: string): void => writeFileSync(join(directory, name), text);

    put("node.key", other.privateKeyPem);
    assert.match(told(), /IDENTITY_INVALID .*node\.key the key does not belong to node\.crt/);
    put("node.key", "no key");
    assert.match(told(), /IDENTITY_INVALID .*node\.key it holds no private key/);
    put("node.key", issued.privateKeyPem);
    put("ca.crt", (await makeAuthority()).certificatePem);
    assert.match(told(), /IDENTITY_UNTRUSTED .*node\.crt it was not issued/);
    put("ca.crt", "no certificate");
    assert.match(told(), /IDENTITY_INVALID .*ca\.crt it holds no certificate/);
    put("ca.crt", authorityPem);
    assert.match(
      reasonOf(() => readCredentials(directory, now + 2 * hour)),
      /IDENTITY_EXPIRED .*node\.crt it is valid from/,
    );
    rmSync(join(directory, "node.crt"));
    assert.match(told(), /CONFIG_INVALID .*node\.crt the file is missing/);
    chmodSync(directory, 0o700);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test("a mesh has the name of a host", () => {
  assert.is(parseMeshName("qd.mesh"), "qd.mesh");
  for (const text of ["", "QD", "a b", "a..b", ".a", "a/b"]) {
    assert.match(
      reasonOf(() => parseMeshName(text)),
      /^CONFIG_INVALID mesh/,
    );
  }
});

test("the time until a certificate ends fits a timer", () => {
  assert.is(certificateDelayMs(1_000, 400), 600);
  assert.is(certificateDelayMs(400, 1_000), 0);
  assert.is(certificateDelayMs(Number.MAX_SAFE_INTEGER, 0), 2_147_483_647);
});
