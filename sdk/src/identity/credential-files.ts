// Credential files: a node's key and certificate on disk, and the authorities that it trusts.
//
//   Y7  Whoever reads credentials here may use them: key, certificate, chain and time agree. What
//       does not agree is refused with the file and the reason, before TLS would fail without one.
//   Y8  A private key is readable by its owner alone from the moment it has a name.
//
// `node.crt` holds the node's certificate, then those of authorities between it and a trusted one,
// if any. `ca.crt` holds every trusted authority: two while one follows the other.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { MeshError } from "../domain/index.ts";
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
  makeDirectory(directory);
  replaceFile(paths.privateKey, pem.privateKeyPem, 0o600);
  replaceFile(paths.certificate, pem.certificatePem, 0o644);
  replaceFile(paths.authority, pem.authorityPem, 0o644);
}

/** A file that its owner alone can read, in a directory that is made if need be. */
export function writeSecret(file: string, text: string): void {
  makeDirectory(dirname(file));
  replaceFile(file, text, 0o600);
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    refuseFile(directory, `the directory can't be made (${systemCodeOf(cause)})`, cause);
  }
}

function replaceFile(file: string, text: string, mode: number): void {
  const fresh = `${file}.${process.pid}.new`;
  try {
    // One that a process before us left behind would keep its own mode.
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode, flag: "wx" });
    renameSync(fresh, file);
  } catch (cause) {
    rmSync(fresh, { force: true });
    refuseFile(file, `the file can't be written (${systemCodeOf(cause)})`, cause);
  }
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
    certificatePem: readText(paths.certificate),
    privateKeyPem: readText(paths.privateKey),
    authorityPem: readText(paths.authority),
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
  const authority = findAuthority(certificate, between, trusted);
  if (authority === undefined) {
    throw new MeshError("IDENTITY_UNTRUSTED", {
      subject: paths.certificate,
      detail: `it was not issued by the authority in ${basename(paths.authority)}`,
    });
  }
  const identity = readIdentity(certificate, paths.certificate);
  checkTime(identity, paths.certificate, nowMs);
  const period = {
    notBeforeMs: Date.parse(authority.validFrom),
    notAfterMs: Date.parse(authority.validTo),
  };
  checkTime(period, paths.authority, nowMs);
  return { identity, ...pem };
}

/** The trusted authority at the end of the chain; signatures are checked at every step. */
function findAuthority(
  certificate: X509Certificate,
  between: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
): X509Certificate | undefined {
  let current = certificate;
  for (let length = 0; length < chainCertificatesMax; length += 1) {
    const isIssuer = (authority: X509Certificate): boolean => hasIssued(authority, current);
    const authority = trusted.find(isIssuer);
    if (authority !== undefined) return authority;
    const next = between.find(isIssuer);
    if (next === undefined) return undefined;
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

function checkTime(
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

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = systemCodeOf(cause);
    const why = code === "ENOENT" ? "the file is missing" : `the file can't be read (${code})`;
    refuseFile(file, why, cause);
  }
}

function refuseFile(file: string, detail: string, cause: unknown): never {
  throw new MeshError("CONFIG_INVALID", { subject: file, detail, cause });
}

function systemCodeOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
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
