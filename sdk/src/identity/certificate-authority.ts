// Certificate authority: what issues the identities of a mesh.
//
//   Y3  The authority is constrained to the DNS names below its root address, so that whatever it
//       signs can't claim another mesh. URI names can't hold a path constraint; hence the DNS name.
//   Y4  A node's certificate is for TLS at both ends (client and server) and for nothing else.
//
// An authority's PEM may hold a chain, its own certificate first: what a hub's authority below the
// root needs. Nothing here makes such an authority yet.

import "reflect-metadata";
import {
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate as NodeCertificate,
  randomBytes,
  webcrypto,
} from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from "@peculiar/asn1-x509";
import {
  BasicConstraintsExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { type Address, MeshError } from "../domain/index.ts";
import type { Credentials } from "./credential-files.ts";
import { encodeNodeCertificate } from "./node-certificate.ts";
import { dnsNameOf, spiffeIdOf } from "./node-identity.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const nameConstraintsOid = "2.5.29.30";
const dayMs = 86_400_000;
const secondMs = 1_000;

export interface AuthorityPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** An authority that is ready to sign. */
export interface MeshAuthority {
  readonly mesh: string;
  readonly certificatePem: string;
  readonly certificate: X509Certificate;
  readonly signingKey: KeyObject;
  /** Y3: what it issues has one of these DNS names or one below; undefined without a constraint. */
  readonly permittedNames: readonly string[] | undefined;
}

export interface NewAuthority {
  readonly mesh: string;
  /** Everything that it signs lies at or below this address. */
  readonly rootAddress: Address;
  readonly nowMs: number;
  readonly days: number;
}

/** Makes a new key (P-256) and a self-signed certificate. */
export async function createMeshAuthority(options: NewAuthority): Promise<AuthorityPem> {
  const { mesh, rootAddress, nowMs, days } = options;
  const keys = generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber().toString("hex"),
    name: `CN=${mesh} authority`,
    notBefore: dateOf(nowMs),
    notAfter: dateOf(nowMs + days * dayMs),
    signingAlgorithm: algorithm,
    keys: {
      publicKey: await importPublic(keys.publicKeyDer),
      privateKey: await importPrivate(keys.privateKeyPem),
    },
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      nameConstraints(dnsNameOf(rootAddress, mesh), mesh),
    ],
  });
  return { certificatePem: certificate.toString("pem"), privateKeyPem: keys.privateKeyPem };
}

function nameConstraints(dnsRoot: string, mesh: string): Extension {
  const permitted = new GeneralSubtrees([
    new GeneralSubtree({ base: new GeneralName({ dNSName: dnsRoot }) }),
    new GeneralSubtree({ base: new GeneralName({ uniformResourceIdentifier: mesh }) }),
  ]);
  const der = AsnConvert.serialize(new NameConstraints({ permittedSubtrees: permitted }));
  return new Extension(nameConstraintsOid, true, der);
}

/** Reads what `createMeshAuthority` made. */
export async function openMeshAuthority(pem: AuthorityPem, mesh: string): Promise<MeshAuthority> {
  const certificate = new X509Certificate(pem.certificatePem);
  return {
    mesh,
    certificatePem: pem.certificatePem,
    certificate,
    signingKey: createPrivateKey(pem.privateKeyPem),
    permittedNames: permittedNamesOf(certificate),
  };
}

function permittedNamesOf(certificate: X509Certificate): readonly string[] | undefined {
  const extension = certificate.getExtension(nameConstraintsOid);
  if (extension === null) return undefined;
  const { permittedSubtrees } = AsnConvert.parse(extension.value, NameConstraints);
  // An array of a class of its own: its `map` and `flatMap` would make another of those.
  const names = Array.from(permittedSubtrees ?? [], ({ base }) => base.dNSName ?? []).flat();
  return names.length === 0 ? undefined : names;
}

export interface NewCertificate {
  readonly address: Address;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Clocks in a mesh may differ by this much. */
const slackMs = 300_000;

/** Valid from now on for `days`, on machines whose clocks are behind too. */
export function certificatePeriod(
  days: number,
  nowMs: number,
): Pick<NewCertificate, "notBeforeMs" | "notAfterMs"> {
  return { notBeforeMs: nowMs - slackMs, notAfterMs: nowMs + days * dayMs };
}

/**
 * A key and a certificate for one node; 1.3 ms of a core that other work shares. With `publicKey`
 * the node keeps its private key to itself and only a certificate comes back: the caller has made
 * sure that the node holds the private key. Refuses with INPUT_INVALID an address that the
 * authority may not issue for: every TLS handshake would refuse the certificate (Y3).
 */
export async function issueCertificate(
  authority: MeshAuthority,
  options: NewCertificate & { readonly publicKey: KeyObject },
): Promise<Pick<IssuedCertificate, "certificatePem">>;
export async function issueCertificate(
  authority: MeshAuthority,
  options: NewCertificate,
): Promise<IssuedCertificate>;
export async function issueCertificate(
  authority: MeshAuthority,
  options: NewCertificate & { readonly publicKey?: KeyObject },
): Promise<Partial<IssuedCertificate>> {
  const { publicKey } = options;
  checkPermitted(authority, options.address);
  if (publicKey !== undefined) {
    const der = publicKey.export({ type: "spki", format: "der" });
    return { certificatePem: signCertificate(authority, options, der) };
  }
  const keys = generateKeys();
  const certificatePem = signCertificate(authority, options, keys.publicKeyDer);
  return { certificatePem, privateKeyPem: keys.privateKeyPem };
}

function checkPermitted({ mesh, permittedNames }: MeshAuthority, address: Address): void {
  const name = dnsNameOf(address, mesh);
  const isPermitted = (root: string): boolean => name === root || name.endsWith(`.${root}`);
  if (permittedNames === undefined || permittedNames.some(isPermitted)) return;
  throw new MeshError("INPUT_INVALID", {
    subject: address,
    detail: `the authority issues for ${permittedNames.join(", ")} and below, not for ${name}`,
  });
}

function signCertificate(
  { mesh, certificate: issuer, signingKey }: MeshAuthority,
  { address, notBeforeMs, notAfterMs }: NewCertificate,
  publicKeyDer: Uint8Array,
): string {
  return encodeNodeCertificate({
    serialNumber: serialNumber(),
    issuerDer: issuer.subjectName.toArrayBuffer(),
    commonName: address.slice(-64),
    notBefore: dateOf(notBeforeMs),
    notAfter: dateOf(notAfterMs),
    publicKeyDer,
    uri: spiffeIdOf(address, mesh),
    dnsName: dnsNameOf(address, mesh),
    signingKey,
  });
}

/**
 * A certificate as credentials that are ready for use: what was just issued need not be parsed and
 * checked again.
 */
export async function issueCredentials(
  authority: MeshAuthority,
  options: NewCertificate,
): Promise<Credentials> {
  const issued = await issueCertificate(authority, options);
  const { address } = options;
  const notBeforeMs = dateOf(options.notBeforeMs).getTime();
  const notAfterMs = dateOf(options.notAfterMs).getTime();
  const { fingerprint256: fingerprint } = new NodeCertificate(issued.certificatePem);
  const { mesh, certificatePem: authorityPem } = authority;
  return {
    ...issued,
    authorityPem,
    identity: { address, mesh, notBeforeMs, notAfterMs, fingerprint },
  };
}

function generateKeys() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { publicKeyDer: publicKey, privateKeyPem: privateKey };
}

/** A certificate knows whole seconds (RFC 5280 4.1.2.5). */
function dateOf(ms: number): Date {
  return new Date(Math.floor(ms / secondMs) * secondMs);
}

/** 16 random bytes, positive, as RFC 5280 4.1.2.2 allows up to 20. */
function serialNumber(): Buffer<ArrayBuffer> {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function importPrivate(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

function importPublic(der: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("spki", der, algorithm, true, ["verify"]);
}
