import "reflect-metadata";
import { generateKeyPairSync, webcrypto, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import { type Address, isMeshError } from "@cloudbrain/sdk/domain";
import {
  certificateDelayMs,
  createMeshAuthority,
  dnsNameOf,
  issueCertificate,
  issueCredentials,
  type MeshAuthority,
  openMeshAuthority,
  parseMeshName,
  parsePeerCertificate,
} from "@cloudbrain/sdk/identity";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
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
  readonly keyUsage?: KeyUsageFlags;
  /** The extension of names as it lies in the certificate, in place of `names`. */
  readonly namesDer?: Uint8Array;
  readonly further?: readonly Extension[];
}

const namesId = "2.5.29.17";
const bothUsages = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];
const uri = (value: string): JsonGeneralNames[number] => ({ type: "url", value });
const dns = (value: string): JsonGeneralNames[number] => ({ type: "dns", value });

/** One value of DER of up to 127 bytes. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag, body.length), body]);
}

const uriDer = der(0x86, Buffer.from("spiffe://qd.mesh/3702/370202"));
const dnsDer = der(0x82, Buffer.from("370202.3702.qd.mesh"));
/** [0] { 1.2.3.4, [0] UTF8String "abc" } */
const otherNameDer = Buffer.from("a00c06032a0304a0050c03616263", "hex");

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
  if (odd.keyUsage !== undefined) extensions.push(new KeyUsagesExtension(odd.keyUsage, true));
  if (odd.namesDer !== undefined) {
    extensions.push(new Extension(namesId, false, new Uint8Array(odd.namesDer)));
  } else if (names.length > 0) {
    extensions.push(new SubjectAlternativeNameExtension(names));
  }
  extensions.push(...(odd.further ?? []));
  const signingDer = authority.signingKey.export({ type: "pkcs8", format: "der" });
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const certificate = await X509CertificateGenerator.create({
    subject: "CN=odd",
    issuer: authority.certificate.subject,
    notBefore: new Date(period.notBeforeMs),
    notAfter: new Date(period.notAfterMs),
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    publicKey: new PublicKey(publicKey.export({ type: "spki", format: "der" })),
    signingKey: await webcrypto.subtle.importKey("pkcs8", signingDer, algorithm, false, ["sign"]),
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
  assert.equal(identity, parsed);
});

const goodUri = uri("spiffe://qd.mesh/3702/370202");
const goodDns = dns("370202.3702.qd.mesh");
const good = [goodUri, goodDns];
const withUri = (value: string): Oddity => ({ names: [uri(value), goodDns] });
const oddities: readonly (readonly [string, Oddity, string])[] = [
  ["no names", { names: [] }, "it must name exactly one URI, it names none"],
  ["a URI alone", { names: [goodUri] }, "it must name exactly one DNS name, it names none"],
  ["a DNS name alone", { names: [goodDns] }, "it must name exactly one URI, it names none"],
  [
    "two URIs",
    { names: [...good, uri("spiffe://qd.mesh/3702")] },
    'it must name exactly one URI, it names 2: "spiffe://qd.mesh/3702/370202", "spiffe://qd.mesh/3702"',
  ],
  [
    "two DNS names",
    { names: [...good, dns("3702.qd.mesh")] },
    'it must name exactly one DNS name, it names 2: "370202.3702.qd.mesh", "3702.qd.mesh"',
  ],
  [
    "an e-mail beside",
    { names: [...good, { type: "email", value: "a@b.c" }] },
    "it may name a URI and a DNS name only, it has also: rfc822Name",
  ],
  [
    "an IP address beside",
    { names: [...good, { type: "ip", value: "127.0.0.1" }] },
    "it may name a URI and a DNS name only, it has also: iPAddress",
  ],
  [
    "a name of a kind that nobody knows beside",
    { namesDer: der(0x30, uriDer, dnsDer, otherNameDer) },
    "it may name a URI and a DNS name only, it has also: otherName",
  ],
  [
    "bytes behind its names",
    { namesDer: Buffer.concat([der(0x30, uriDer, dnsDer), Uint8Array.of(5, 0)]) },
    "its subject alternative names are not in canonical DER",
  ],
  [
    "names that are no DER",
    { namesDer: Uint8Array.of(0xde, 0xad) },
    "its subject alternative names can't be read",
  ],
  [
    "names of two extensions",
    { further: [new SubjectAlternativeNameExtension([uri("spiffe://qd.mesh/3703")])] },
    "it holds the extension 2.5.29.17 twice",
  ],
  [
    "a sibling's DNS name",
    { names: [goodUri, dns("370203.3702.qd.mesh")] },
    'its DNS name "370203.3702.qd.mesh" is not 370202.3702.qd.mesh, which its URI asks for',
  ],
  [
    "a NUL inside its DNS name",
    { namesDer: der(0x30, uriDer, der(0x82, Buffer.from("370202.3702.qd.mesh\0.x"))) },
    'its DNS name "370202.3702.qd.mesh\\u0000.x" is not 370202.3702.qd.mesh, which its URI asks for',
  ],
  [
    "a separator inside its DNS name",
    { namesDer: der(0x30, uriDer, der(0x82, Buffer.from("x, DNS:370202.3702.qd.mesh"))) },
    'its DNS name "x, DNS:370202.3702.qd.mesh" is not 370202.3702.qd.mesh, which its URI asks for',
  ],
  [
    "a separator inside its URI",
    withUri("spiffe://qd.mesh/3702/370202, DNS:x"),
    '"370202, DNS:x\\" is not a label [0-9a-z-]{1,63}',
  ],
  ["another scheme", withUri("https://qd.mesh/3702/370202"), "does not begin with spiffe://"],
  ["a scheme in upper case", withUri("SPIFFE://qd.mesh/3702"), "does not begin with spiffe://"],
  [
    "a mesh in upper case",
    withUri("spiffe://QD.mesh/3702/370202"),
    '"QD.mesh" in its URI is not the name of a mesh',
  ],
  [
    "a port",
    withUri("spiffe://qd.mesh:1/3702/370202"),
    '"qd.mesh:1" in its URI is not the name of a mesh',
  ],
  ["an address in upper case", withUri("spiffe://qd.mesh/3702/I-A"), 'I-A\\" is not a label'],
  ["percent encoding", withUri("spiffe://qd.mesh/3702/%33"), '%33\\" is not a label'],
  ["a dot segment", withUri("spiffe://qd.mesh/3702/.."), '..\\" is not a label'],
  ["a trailing slash", withUri("spiffe://qd.mesh/3702/"), '"\\"\\" is not a label'],
  ["a query", withUri("spiffe://qd.mesh/3702?a"), '3702?a\\" is not a label'],
  ["no path", withUri("spiffe://qd.mesh"), 'its URI "spiffe://qd.mesh" names no address'],
  ["authority over others", { ca: true }, "it is an authority's certificate (CA:true)"],
  [
    "authority over others, though its key usage allows no signing of certificates",
    { ca: true, keyUsage: KeyUsageFlags.digitalSignature },
    "it is an authority's certificate (CA:true)",
  ],
  [
    "the key usage of an authority",
    { keyUsage: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign },
    "its key usage holds keyCertSign",
  ],
  [
    "no use of its key for signatures",
    { keyUsage: KeyUsageFlags.keyEncipherment },
    "its key usage must hold digitalSignature",
  ],
  [
    "no client use",
    { usages: bothUsages.slice(0, 1) },
    "its extended key usage must hold clientAuth and serverAuth",
  ],
  [
    "no server use",
    { usages: bothUsages.slice(1) },
    "its extended key usage must hold clientAuth and serverAuth",
  ],
  ["no extended use", { usages: [] }, "its extended key usage must hold clientAuth and serverAuth"],
];

for (const [what, odd, reason] of oddities) {
  test(`a certificate with ${what} is refused with that reason`, async () => {
    const { certificatePem } = await makeOddCertificate(await makeAuthority(), odd);
    const told = reasonOf(() => parsePeerCertificate(new X509Certificate(certificatePem)));
    assert.match(told, /^IDENTITY_INVALID/);
    assert.ok(told.includes(reason), told);
  });
}

test("the certificates that the refused ones differ from are taken", async () => {
  const authority = await makeAuthority();
  const taken: readonly Oddity[] = [
    {},
    { keyUsage: KeyUsageFlags.digitalSignature },
    { namesDer: der(0x30, uriDer, dnsDer) },
    { namesDer: der(0x30, dnsDer, uriDer) },
  ];
  for (const odd of taken) {
    const { certificatePem } = await makeOddCertificate(authority, odd);
    assert.is(parsePeerCertificate(new X509Certificate(certificatePem)).address, address);
  }
});

test("a certificate with any byte changed is read or refused, never more", async () => {
  const { certificatePem } = await issueCertificate(await makeAuthority(), { address, ...period });
  const { raw } = new X509Certificate(certificatePem);
  for (let at = 0; at < raw.length; at += 1) {
    const changed = Buffer.from(raw);
    changed[at] = (changed[at] ?? 0) ^ 0x11;
    try {
      parsePeerCertificate(changed);
    } catch (error) {
      assert.ok(isMeshError(error), `byte ${at}: ${String(error)}`);
      assert.is(error.code, "IDENTITY_INVALID");
    }
  }
});

test("bytes that are no certificate are refused", () => {
  assert.match(
    reasonOf(() => parsePeerCertificate(new Uint8Array(40))),
    /^IDENTITY_INVALID/,
  );
});

interface KeyPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** How a handshake of TLS 1.3 with certificates on both sides went; empty where that end agreed. */
interface Verdict {
  readonly server: string;
  readonly client: string;
}

async function handshake(ends: {
  readonly server: KeyPem;
  readonly client: KeyPem;
  readonly serverTrusts: MeshAuthority;
  readonly clientTrusts: MeshAuthority;
}): Promise<Verdict> {
  const server = createServer({
    key: ends.server.privateKeyPem,
    cert: ends.server.certificatePem,
    ca: ends.serverTrusts.certificatePem,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: true,
  });
  const serverVerdict = new Promise<string>((resolve) => {
    // The error says "socket hang up" alone; why, the socket knows.
    server.on("tlsClientError", (error, { authorizationError }) =>
      resolve(String(authorizationError ?? error.message)),
    );
    server.on("secureConnection", (socket: TLSSocket) => {
      socket.on("error", () => undefined).end();
      resolve(socket.authorized ? "" : "not authorized");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  const client = connect({
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    host: "127.0.0.1",
    key: ends.client.privateKeyPem,
    cert: ends.client.certificatePem,
    ca: ends.clientTrusts.certificatePem,
    checkServerIdentity: () => undefined,
  });
  try {
    const clientVerdict = new Promise<string>((resolve) => {
      client.once("secureConnect", () => resolve(""));
      client.on("error", (error) => resolve(error.message));
    });
    return { client: await clientVerdict, server: await serverVerdict };
  } finally {
    client.destroy();
    server.close();
  }
}

test("TLS takes two nodes of one mesh, and refuses either of another authority", async () => {
  const ours = await makeAuthority();
  const theirs = await makeAuthority();
  const server = await issueCertificate(ours, { address: root, ...period });
  const client = await issueCertificate(ours, { address, ...period });
  const stranger = await issueCertificate(theirs, { address, ...period });
  const trust = { serverTrusts: ours, clientTrusts: ours };

  assert.equal(await handshake({ server, client, ...trust }), { server: "", client: "" });
  const asServer = await handshake({ server: stranger, client, ...trust });
  assert.match(asServer.client, /certificate signature failure|unable to/);
  const asClient = await handshake({ server, client: stranger, ...trust });
  assert.match(asClient.server, /^(?:CERT_SIGNATURE_FAILURE|UNABLE_TO_.+)$/);
  assert.is(asClient.client, "", "the client of TLS 1.3 is done before the server has judged it");
});

test("TLS refuses names outside the authority's constraints at both ends", async () => {
  const authority = await makeAuthority();
  const honest = await issueCertificate(authority, { address, ...period });
  const trust = { serverTrusts: authority, clientTrusts: authority };
  const foreign: readonly (readonly JsonGeneralNames[number][])[] = [
    [uri("spiffe://qd.mesh/3703"), dns("3703.qd.mesh")],
    [uri("spiffe://other.mesh/3702/370202"), dns("370202.3702.qd.mesh")],
  ];
  for (const names of foreign) {
    const outside = await makeOddCertificate(authority, { names: [...names] });
    const asServer = await handshake({ server: outside, client: honest, ...trust });
    assert.match(asServer.client, /permitted subtree violation/);
    const asClient = await handshake({ server: honest, client: outside, ...trust });
    // Node.js has no code of its own for a violated constraint.
    assert.is(asClient.server, "UNSPECIFIED");
  }
});

test("a node may keep its private key to itself", async () => {
  const authority = await makeAuthority();
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issued = await issueCertificate(authority, { address, ...period, publicKey });
  assert.equal(Object.keys(issued), ["certificatePem"]);
  const certificate = new X509Certificate(issued.certificatePem);
  assert.ok(certificate.checkPrivateKey(privateKey));
  assert.ok(certificate.verify(new X509Certificate(authority.certificatePem).publicKey));
});

test("serial numbers have 16 bytes, are positive and differ", async () => {
  const authority = await makeAuthority();
  const serials = new Set<string>();
  for (let count = 0; count < 50; count += 1) {
    const { certificatePem } = await issueCertificate(authority, { address, ...period });
    const { serialNumber } = new X509Certificate(certificatePem);
    assert.match(serialNumber, /^[4-7][0-9A-F]{31}$/);
    serials.add(serialNumber);
  }
  assert.is(serials.size, 50);
});

test("the longest address has a certificate too", async () => {
  const label = "a".repeat(13);
  const long = `/${Array.from({ length: 16 }, () => label).join("/")}` as Address;
  const pem = await createMeshAuthority({
    mesh: "qd.mesh",
    rootAddress: `/${label}` as Address,
    nowMs: now - hour,
    days: 2,
  });
  const authority = await openMeshAuthority(pem, "qd.mesh");
  const { certificatePem } = await issueCertificate(authority, { address: long, ...period });
  const certificate = new X509Certificate(certificatePem);
  assert.is(parsePeerCertificate(certificate).address, long);
  assert.ok(certificate.verify(new X509Certificate(authority.certificatePem).publicKey));
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
