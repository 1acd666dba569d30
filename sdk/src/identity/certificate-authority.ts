// Certificate authority: what issues the identities of a mesh.
//
//   Y3  The authority is constrained to the DNS names below its root address, so that whatever it
//       signs can't claim another mesh. URI names can't hold a path constraint; hence the DNS name.
//   Y4  A node's certificate is for TLS at both ends (client and server) and for nothing else.

import "reflect-metadata";
import {
  createPrivateKey,
  generateKeyPairSync,
  X509Certificate as NodeCertificate,
  randomBytes,
  webcrypto,
} from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from "@peculiar/asn1-x509";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { Address } from "../domain/index.ts";
import type { Credentials } from "./credential-files.ts";
import { dnsNameOf, spiffeIdOf } from "./node-identity.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const nameConstraintsOid = "2.5.29.30";
const dayMs = 86_400_000;

export interface AuthorityPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** An authority that is ready to sign. */
export interface MeshAuthority {
  readonly mesh: string;
  readonly certificatePem: string;
  readonly certificate: X509Certificate;
  readonly signingKey: webcrypto.CryptoKey;
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
    serialNumber: serialNumber(),
    name: `CN=${mesh} authority`,
    notBefore: new Date(nowMs),
    notAfter: new Date(nowMs + days * dayMs),
    signingAlgorithm: algorithm,
    keys: {
      publicKey: await importPublic(keys.publicKeyDer),
      privateKey: await importPrivate(keys.privateKeyDer),
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
  const der = createPrivateKey(pem.privateKeyPem).export({ type: "pkcs8", format: "der" });
  return {
    mesh,
    certificatePem: pem.certificatePem,
    certificate: new X509Certificate(pem.certificatePem),
    signingKey: await importPrivate(der),
  };
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

/** A key and a certificate for one node. About 1 ms each on the machine of docs/performance.md. */
export async function issueCertificate(
  authority: MeshAuthority,
  options: NewCertificate,
): Promise<IssuedCertificate> {
  const { address, notBeforeMs, notAfterMs } = options;
  const keys = generateKeys();
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${address.slice(-64)}`,
    issuer: authority.certificate.subject,
    notBefore: new Date(notBeforeMs),
    notAfter: new Date(notAfterMs),
    signingAlgorithm: algorithm,
    publicKey: new PublicKey(keys.publicKeyDer),
    signingKey: authority.signingKey,
    extensions: [
      ...nodeExtensions,
      new SubjectAlternativeNameExtension([
        { type: "url", value: spiffeIdOf(address, authority.mesh) },
        { type: "dns", value: dnsNameOf(address, authority.mesh) },
      ]),
    ],
  });
  return { certificatePem: certificate.toString("pem"), privateKeyPem: keys.privateKeyPem };
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
  const { address, notBeforeMs, notAfterMs } = options;
  const { fingerprint256: fingerprint } = new NodeCertificate(issued.certificatePem);
  const { mesh, certificatePem: authorityPem } = authority;
  return {
    ...issued,
    authorityPem,
    identity: { address, mesh, notBeforeMs, notAfterMs, fingerprint },
  };
}

/** Extensions that are alike in every node's certificate (Y4). */
const nodeExtensions = [
  new BasicConstraintsExtension(false, undefined, true),
  new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  new ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
];

function generateKeys() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    publicKeyDer: publicKey.export({ type: "spki", format: "der" }),
    privateKeyDer: privateKey.export({ type: "pkcs8", format: "der" }),
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

/** 16 random bytes, positive, as RFC 5280 4.1.2.2 allows up to 20. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

function importPrivate(der: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

function importPublic(der: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey("spki", der, algorithm, true, ["verify"]);
}
