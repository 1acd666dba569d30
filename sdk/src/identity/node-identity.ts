// Node identity: what a certificate says about the node that holds it.
//
//   Y1  Exactly one URI SAN `spiffe://<mesh><address>` and exactly one DNS SAN, the same path
//       reversed before the mesh's name. OpenSSL checks the DNS name against the constraints of the
//       issuing authority; we check that both names say the same.
//   Y2  SANs are read from the DER of the extension, never from a printed form of it: printed names
//       can be forged with separators inside a name (CVE-2021-44532).

import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  X509Certificate as ParsedCertificate,
  SubjectAlternativeNameExtension,
} from "@peculiar/x509";
import { type Address, addressSegments, MeshError, parseAddress } from "../domain/index.ts";

export interface PeerIdentity {
  readonly address: Address;
  readonly mesh: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** sha256 of the certificate, upper-case hex with colons. */
  readonly fingerprint: string;
}

const clientAuth = "1.3.6.1.5.5.7.3.2";
const serverAuth = "1.3.6.1.5.5.7.3.1";
const meshPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/** `/3702/370202` in `qd.mesh` is `370202.3702.qd.mesh`. */
export function dnsNameOf(address: Address, mesh: string): string {
  return [...addressSegments(address).toReversed(), mesh].join(".");
}

export function spiffeIdOf(address: Address, mesh: string): string {
  return `spiffe://${mesh}${address}`;
}

/** A mesh's name is a host name: lower-case labels with dots. Refuses with CONFIG_INVALID. */
export function parseMeshName(text: string): string {
  if (meshPattern.test(text) && text.length <= 100) return text;
  throw new MeshError("CONFIG_INVALID", {
    subject: "mesh",
    detail: `"${text}" is not the name of a mesh; write one such as qd.mesh`,
  });
}

/** Certificates seen lately, by fingerprint: a thousand links of one process share few parsings. */
const parsed = new Map<string, PeerIdentity>();
const parsedMax = 10_000;

/** Refuses with IDENTITY_INVALID and the first rule that the certificate breaks. */
export function parsePeerCertificate(source: Uint8Array | X509Certificate): PeerIdentity {
  const certificate = source instanceof X509Certificate ? source : readDer(source);
  const fingerprint = certificate.fingerprint256;
  const known = parsed.get(fingerprint);
  if (known !== undefined) return known;
  const identity = readPlainly(certificate, fingerprint) ?? readIdentity(certificate, fingerprint);
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.set(fingerprint, identity);
  return identity;
}

function readDer(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new MeshError("IDENTITY_INVALID", { detail: "it is not a certificate", cause });
  }
}

/**
 * What nearly every certificate is: one URI and one DNS name, nothing else, of plain characters.
 * Node.js quotes names with any other character in this text, so a full match can't be forged; what
 * does not match is read from the DER, which also tells why it is refused. Parsing the DER in
 * JavaScript costs about 20 times as much, which thousands of children would pay for at a start.
 */
const plainNames =
  /^(?:URI:(spiffe:\/\/[a-z0-9./-]+), DNS:([a-z0-9.-]+)|DNS:([a-z0-9.-]+), URI:(spiffe:\/\/[a-z0-9./-]+))$/;

function readPlainly(certificate: X509Certificate, fingerprint: string): PeerIdentity | undefined {
  const match = plainNames.exec(certificate.subjectAltName ?? "");
  if (match === null || certificate.ca) return undefined;
  // Typed as always there; undefined without the extension.
  const usages: readonly string[] | undefined = certificate.keyUsage;
  if (usages?.includes(clientAuth) !== true || !usages.includes(serverAuth)) return undefined;
  const { address, mesh } = readSpiffeId(match[1] ?? match[4] ?? "");
  if ((match[2] ?? match[3]) !== dnsNameOf(address, mesh)) return undefined;
  return {
    address,
    mesh,
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    fingerprint,
  };
}

function readIdentity(certificate: X509Certificate, fingerprint: string): PeerIdentity {
  const content = new ParsedCertificate(certificate.raw);
  if (content.getExtension(BasicConstraintsExtension)?.ca === true) {
    refuse("it is an authority's certificate (CA:true), not a node's");
  }
  const usages = content.getExtension(ExtendedKeyUsageExtension)?.usages ?? [];
  if (!usages.includes(clientAuth) || !usages.includes(serverAuth)) {
    refuse("its extended key usage must hold clientAuth and serverAuth");
  }
  const names = content.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const uris = names.filter(({ type }) => type === "url");
  const hosts = names.filter(({ type }) => type === "dns");
  if (uris.length !== 1 || hosts.length !== 1 || names.length !== 2) {
    const told = names.map(({ type, value }) => `${type} ${value}`).join(", ");
    refuse(`it must name exactly one URI and one DNS name, it names: ${told || "nothing"}`);
  }
  const { address, mesh } = readSpiffeId(uris[0]?.value ?? "");
  const expected = dnsNameOf(address, mesh);
  const host = hosts[0]?.value ?? "";
  if (host !== expected) refuse(`its DNS name ${host} is not ${expected}, which its URI asks for`);
  return {
    address,
    mesh,
    notBeforeMs: content.notBefore.getTime(),
    notAfterMs: content.notAfter.getTime(),
    fingerprint,
  };
}

function readSpiffeId(uri: string): { readonly address: Address; readonly mesh: string } {
  const scheme = "spiffe://";
  if (!uri.startsWith(scheme)) refuse(`its URI ${uri} does not begin with ${scheme}`);
  const slash = uri.indexOf("/", scheme.length);
  const mesh = uri.slice(scheme.length, slash < 0 ? undefined : slash);
  if (!meshPattern.test(mesh)) refuse(`"${mesh}" in its URI is not the name of a mesh`);
  if (slash < 0) refuse(`its URI ${uri} names no address`);
  try {
    return { address: parseAddress(uri.slice(slash)), mesh };
  } catch (cause) {
    const why = cause instanceof MeshError ? cause.message : String(cause);
    refuse(`its URI ${uri} names no address: ${why}`);
  }
}

function refuse(why: string): never {
  throw new MeshError("IDENTITY_INVALID", { detail: why });
}

/** setTimeout fires at once beyond this. */
const timerMax = 2_147_483_647;

/** Time until a stream under this certificate has to end; never more than a timer can hold. */
export function certificateDelayMs(notAfterMs: number, nowMs: number): number {
  return Math.min(Math.max(notAfterMs - nowMs, 0), timerMax);
}
