// Credential files: a node's key and certificate on disk, and the authority that it trusts.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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

export interface CredentialPem {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly authorityPem: string;
}

/** Writes the three files; the directory and the key are readable by their owner alone. */
export function writeCredentials(directory: string, pem: CredentialPem): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, credentialFiles.privateKey), pem.privateKeyPem, { mode: 0o600 });
  writeFileSync(join(directory, credentialFiles.certificate), pem.certificatePem);
  writeFileSync(join(directory, credentialFiles.authority), pem.authorityPem);
}

/** Refuses with the file and the reason: missing, unreadable, not matching, outside its time. */
export function readCredentials(directory: string, nowMs: number = Date.now()): Credentials {
  return checkCredentials(
    {
      certificatePem: readText(join(directory, credentialFiles.certificate)),
      privateKeyPem: readText(join(directory, credentialFiles.privateKey)),
      authorityPem: readText(join(directory, credentialFiles.authority)),
    },
    directory,
    nowMs,
  );
}

export function checkCredentials(
  pem: CredentialPem,
  directory: string,
  nowMs: number = Date.now(),
): Credentials {
  const certificateFile = join(directory, credentialFiles.certificate);
  const certificate = readCertificate(pem.certificatePem, certificateFile);
  const authority = readCertificate(pem.authorityPem, join(directory, credentialFiles.authority));
  checkKey(certificate, pem.privateKeyPem, join(directory, credentialFiles.privateKey));
  if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey)) {
    throw new MeshError("IDENTITY_UNTRUSTED", {
      subject: certificateFile,
      detail: `it was not issued by the authority in ${credentialFiles.authority}`,
    });
  }
  let identity: PeerIdentity;
  try {
    identity = parsePeerCertificate(certificate);
  } catch (cause) {
    const detail = cause instanceof MeshError ? cause.detail : String(cause);
    throw new MeshError("IDENTITY_INVALID", { subject: certificateFile, detail, cause });
  }
  if (nowMs < identity.notBeforeMs || nowMs > identity.notAfterMs) {
    const from = new Date(identity.notBeforeMs).toISOString();
    const until = new Date(identity.notAfterMs).toISOString();
    throw new MeshError("IDENTITY_EXPIRED", {
      subject: certificateFile,
      detail: `it is valid from ${from} until ${until}; issue a new one or mend the clock`,
    });
  }
  return { identity, ...pem };
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new MeshError("CONFIG_INVALID", {
      subject: file,
      detail: "the file is missing or can't be read",
      cause,
    });
  }
}

function readCertificate(pem: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new MeshError("IDENTITY_INVALID", {
      subject: file,
      detail: "it holds no certificate in PEM",
      cause,
    });
  }
}

function checkKey(certificate: X509Certificate, privateKeyPem: string, file: string): void {
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
      detail: `the key does not belong to ${credentialFiles.certificate}`,
    });
  }
}
