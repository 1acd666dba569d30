// Credential files: a node's key and certificate on disk, and the authorities that it trusts.
//
//   Y7  Whoever reads credentials here may use them: key, certificate, chain and time agree. What
//       does not agree is refused with the file and the reason, before TLS would fail without one.
//
// `node.crt` holds the node's certificate, then those of authorities between it and a trusted one,
// if any. `ca.crt` holds every trusted authority: two while one follows the other.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { MeshError } from "../domain/index.ts";
import { ensurePrivateDirectory, readIdentityFile, replaceIdentityFile } from "./identity-file.ts";
import { type PeerIdentity, parsePeerCertificate } from "./node-identity.ts";

export interface Credentials {
  readonly identity: PeerIdentity;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** Certificates of the authorities that we trust. */
  readonly authorityPem: string;
}

export const credentialFiles = {
  certificate: "node.crt",
  privateKey: "node.key",
  authority: "ca.crt",
} as const;

/** Where each part lies. */
export interface CredentialPaths {
  readonly certificate: string;
  readonly privateKey: string;
  readonly authority: string;
}

export interface CredentialPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly authorityPem: string;
}

/** More certificates than this between a node and a trusted authority are refused. */
const chainCertificatesMax = 8;

/**
 * Writes the three files. A directory that is made here is readable by its owner alone, and so is
 * the key in any directory. Files that exist are replaced whole: each has its old or its new
 * content, never a part of it. Refuses with CONFIG_INVALID and the file that can't be written.
 */
export function writeCredentials(directory: string, pem: CredentialPem): void {
  const paths = pathsIn(directory);
  ensurePrivateDirectory(directory);
  replaceIdentityFile(paths.privateKey, pem.privateKeyPem, "secret");
  replaceIdentityFile(paths.certificate, pem.certificatePem, "public");
  replaceIdentityFile(paths.authority, pem.authorityPem, "public");
}

/** A file that its owner alone can read, in a directory that is made if need be. */
export function writeSecret(file: string, text: string): void {
  ensurePrivateDirectory(dirname(file));
  replaceIdentityFile(file, text, "secret");
}

/**
 * Reads `node.crt`, `node.key` and `ca.crt` of a directory, or three files by their paths. Refuses
 * with the file and the reason: CONFIG_INVALID missing or unreadable, IDENTITY_INVALID not what it
 * should be, IDENTITY_UNTRUSTED of another authority, IDENTITY_EXPIRED outside its time.
 */
export function readCredentials(
  source: string | CredentialPaths,
  nowMs: number = Date.now(),
): Credentials {
  const paths = typeof source === "string" ? pathsIn(source) : source;
  const pem = {
    certificatePem: readIdentityFile(paths.certificate),
    privateKeyPem: readIdentityFile(paths.privateKey),
    authorityPem: readIdentityFile(paths.authority),
  };
  return checkPem(pem, paths, nowMs);
}

/** As `readCredentials`, of texts; `directory` is where a refusal says that they lie. */
export function checkCredentials(
  pem: CredentialPem,
  directory: string,
  nowMs: number = Date.now(),
): Credentials {
  return checkPem(pem, pathsIn(directory), nowMs);
}

function pathsIn(directory: string): CredentialPaths {
  return {
    certificate: join(directory, credentialFiles.certificate),
    privateKey: join(directory, credentialFiles.privateKey),
    authority: join(directory, credentialFiles.authority),
  };
}

/** Y7. */
function checkPem(pem: CredentialPem, paths: CredentialPaths, nowMs: number): Credentials {
  const [certificate, ...between] = readCertificates(pem.certificatePem, paths.certificate);
  const trusted = readCertificates(pem.authorityPem, paths.authority);
  checkKey(certificate, pem.privateKeyPem, paths);
  const path = findPath(certificate, between, trusted);
  if (path === undefined) {
    throw new MeshError("IDENTITY_UNTRUSTED", {
      subject: paths.certificate,
      detail: `it was not issued by the authority in ${basename(paths.authority)}`,
    });
  }
  const identity = readIdentity(certificate, paths.certificate);
  checkTime(identity, paths.certificate, nowMs);
  // TLS would refuse every certificate on the way that is outside its time.
  for (const authority of path) {
    const period = {
      notBeforeMs: Date.parse(authority.validFrom),
      notAfterMs: Date.parse(authority.validTo),
    };
    const isTrusted = trusted.includes(authority);
    checkTime(period, isTrusted ? paths.authority : paths.certificate, nowMs);
  }
  return { identity, ...pem };
}

/**
 * The authorities above a certificate, a trusted one last; signatures are checked at every step.
 */
function findPath(
  certificate: X509Certificate,
  between: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const path: X509Certificate[] = [];
  let current = certificate;
  for (let length = 0; length < chainCertificatesMax; length += 1) {
    const isIssuer = (authority: X509Certificate): boolean => hasIssued(authority, current);
    const authority = trusted.find(isIssuer);
    if (authority !== undefined) return [...path, authority];
    const next = between.find(isIssuer);
    if (next === undefined) return undefined;
    path.push(next);
    current = next;
  }
  return undefined;
}

function hasIssued(authority: X509Certificate, certificate: X509Certificate): boolean {
  return (
    authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey)
  );
}

function readIdentity(certificate: X509Certificate, file: string): PeerIdentity {
  try {
    return parsePeerCertificate(certificate);
  } catch (cause) {
    const detail = cause instanceof MeshError ? cause.detail : String(cause);
    throw new MeshError("IDENTITY_INVALID", { subject: file, detail, cause });
  }
}

/** Refuses with IDENTITY_EXPIRED, the file and what the time would have to be. */
export function checkTime(
  { notBeforeMs, notAfterMs }: Pick<PeerIdentity, "notBeforeMs" | "notAfterMs">,
  file: string,
  nowMs: number,
): void {
  if (nowMs >= notBeforeMs && nowMs <= notAfterMs) return;
  const from = new Date(notBeforeMs).toISOString();
  const until = new Date(notAfterMs).toISOString();
  const state = nowMs < notBeforeMs ? "it is not valid yet" : "it has expired";
  throw new MeshError("IDENTITY_EXPIRED", {
    subject: file,
    detail: `${state}: it is valid from ${from} until ${until}; issue a new one or mend the clock`,
  });
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

type Certificates = readonly [X509Certificate, ...X509Certificate[]];

function readCertificates(pem: string, file: string): Certificates {
  const blocks = pem.match(certificateBlock) ?? [];
  try {
    const [first, ...further] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return [first, ...further];
  } catch (cause) {
    const detail = "it holds a certificate that can't be read";
    throw new MeshError("IDENTITY_INVALID", { subject: file, detail, cause });
  }
  const detail = "it holds no certificate in PEM";
  throw new MeshError("IDENTITY_INVALID", { subject: file, detail });
}

function checkKey(
  certificate: X509Certificate,
  privateKeyPem: string,
  { certificate: certificateFile, privateKey: file }: CredentialPaths,
): void {
  let belongs: boolean;
  try {
    belongs = certificate.checkPrivateKey(createPrivateKey(privateKeyPem));
  } catch (cause) {
    throw new MeshError("IDENTITY_INVALID", {
      subject: file,
      detail: "it holds no private key in PEM",
      cause,
    });
  }
  if (!belongs) {
    throw new MeshError("IDENTITY_INVALID", {
      subject: file,
      detail: `the key does not belong to ${basename(certificateFile)}`,
    });
  }
}
