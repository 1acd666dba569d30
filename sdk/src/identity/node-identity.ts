// Node identity: what a certificate says about the node that holds it.
//
//   Y1  Exactly one URI SAN `spiffe://<mesh><address>` and exactly one DNS SAN, the same path
//       reversed before the mesh's name. OpenSSL checks the DNS name against the constraints of the
//       issuing authority; we check that both names say the same.
//   Y2  What a certificate says is read from its DER and never from a printed form of it; see
//       certificate-content.ts. Each certificate is read once while it is remembered here.

import { X509Certificate } from "node:crypto";
import { id_kp_clientAuth, id_kp_serverAuth, KeyUsageFlags } from "@peculiar/asn1-x509";
import { type Address, addressSegments, MeshError, parseAddress } from "../domain/index.ts";
import {
  type CertificateName,
  parseCertificateContent,
  refuseCertificate,
} from "./certificate-content.ts";

export interface PeerIdentity {
  readonly address: Address;
  readonly mesh: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** sha256 of the certificate, upper-case hex with colons. */
  readonly fingerprint: string;
}

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

/** Certificates seen lately, by sha256: reading one takes several times as long as knowing it. */
const parsed = new Map<string, PeerIdentity>();
const parsedMax = 10_000;

/** Refuses with IDENTITY_INVALID and the first rule that the certificate breaks. */
export function parsePeerCertificate(source: Uint8Array | X509Certificate): PeerIdentity {
  const certificate = source instanceof X509Certificate ? source : readDer(source);
  const fingerprint = certificate.fingerprint256;
  const known = parsed.get(fingerprint);
  if (known !== undefined) return known;
  const identity = readIdentity(certificate.raw, fingerprint);
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

function readIdentity(der: Uint8Array, fingerprint: string): PeerIdentity {
  const { isAuthority, keyUsage, purposes, names, notBeforeMs, notAfterMs } =
    parseCertificateContent(der);
  if (isAuthority) refuseCertificate("it is an authority's certificate (CA:true), not a node's");
  checkUsage(keyUsage, purposes);
  const { uri, host } = readNames(names);
  const { address, mesh } = readSpiffeId(uri);
  const expected = dnsNameOf(address, mesh);
  if (host !== expected) {
    refuseCertificate(`its DNS name ${quote(host)} is not ${expected}, which its URI asks for`);
  }
  return { address, mesh, notBeforeMs, notAfterMs, fingerprint };
}

/** A certificate without the key usage extension leaves all uses open (RFC 5280 4.2.1.3). */
function checkUsage(keyUsage: number | undefined, purposes: readonly string[]): void {
  if (keyUsage !== undefined && (keyUsage & KeyUsageFlags.digitalSignature) === 0) {
    refuseCertificate("its key usage must hold digitalSignature");
  }
  if (keyUsage !== undefined && (keyUsage & KeyUsageFlags.keyCertSign) !== 0) {
    refuseCertificate("its key usage holds keyCertSign, which is for authorities");
  }
  if (!purposes.includes(id_kp_clientAuth) || !purposes.includes(id_kp_serverAuth)) {
    refuseCertificate("its extended key usage must hold clientAuth and serverAuth");
  }
}

/** Y1, the count of names. */
function readNames(names: readonly CertificateName[]): {
  readonly uri: string;
  readonly host: string;
} {
  const textsOf = (wanted: CertificateName["kind"]): readonly string[] =>
    names.flatMap(({ kind, text }) => (kind === wanted ? [text] : []));
  const uris = textsOf("uri");
  const hosts = textsOf("dns");
  const others = textsOf("other");
  const [uri, ...furtherUris] = uris;
  const [host, ...furtherHosts] = hosts;
  if (uri === undefined || furtherUris.length > 0) {
    refuseCertificate(`it must name exactly one URI, it names ${count(uris)}`);
  }
  if (host === undefined || furtherHosts.length > 0) {
    refuseCertificate(`it must name exactly one DNS name, it names ${count(hosts)}`);
  }
  if (others.length > 0) {
    refuseCertificate(`it may name a URI and a DNS name only, it has also: ${others.join(", ")}`);
  }
  return { uri, host };
}

function count(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : `${texts.length}: ${texts.map(quote).join(", ")}`;
}

/** A peer's text in our logs: bounded, and with no control character as it is. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, quotedCharsMax));
}

const quotedCharsMax = 300;

function readSpiffeId(uri: string): { readonly address: Address; readonly mesh: string } {
  const scheme = "spiffe://";
  const told = quote(uri);
  if (!uri.startsWith(scheme)) refuseCertificate(`its URI ${told} does not begin with ${scheme}`);
  const slash = uri.indexOf("/", scheme.length);
  const mesh = uri.slice(scheme.length, slash < 0 ? undefined : slash);
  if (!meshPattern.test(mesh)) {
    refuseCertificate(`${quote(mesh)} in its URI is not the name of a mesh`);
  }
  if (slash < 0) refuseCertificate(`its URI ${told} names no address`);
  try {
    return { address: parseAddress(uri.slice(slash)), mesh };
  } catch (cause) {
    const why = cause instanceof MeshError ? quote(cause.detail ?? "") : String(cause);
    const detail = `its URI ${told} names no address: ${why}`;
    throw new MeshError("IDENTITY_INVALID", { detail, cause });
  }
}

/** setTimeout fires at once beyond this. */
const timerMax = 2_147_483_647;

/**
 * Milliseconds until a stream under this certificate has to end; never more than a timer can hold,
 * so whoever wakes after it asks again. TLS checks a certificate at the handshake only: a stream
 * that is not closed by us outlives it.
 */
export function certificateDelayMs(notAfterMs: number, nowMs: number): number {
  return Math.min(Math.max(notAfterMs - nowMs, 0), timerMax);
}
