// Authority files: the authority of a mesh on disk, as `hub init` makes it at the root.
//
// `ca.key` and `ca.crt` are the authority, `mesh` names what it issues for. What the files say is
// checked against each other here: an authority that is half replaced would sign certificates that
// nobody accepts.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { MeshError } from "../domain/index.ts";
import {
  type AuthorityPem,
  type MeshAuthority,
  openMeshAuthority,
} from "./certificate-authority.ts";
import { checkTime } from "./credential-files.ts";
import { ensurePrivateDirectory, readIdentityFile, replaceIdentityFile } from "./identity-file.ts";
import { parseMeshName } from "./node-identity.ts";

const authorityFiles = { privateKey: "ca.key", certificate: "ca.crt", mesh: "mesh" } as const;

/** Refuses with CONFIG_INVALID and the file that can't be written. */
export function writeAuthority(directory: string, pem: AuthorityPem, mesh: string): void {
  ensurePrivateDirectory(directory);
  const write = (name: string, text: string, mode: "secret" | "public"): void =>
    replaceIdentityFile(join(directory, name), text, mode);
  write(authorityFiles.privateKey, pem.privateKeyPem, "secret");
  write(authorityFiles.certificate, pem.certificatePem, "public");
  write(authorityFiles.mesh, `${mesh}\n`, "public");
}

/**
 * Reads what `writeAuthority` wrote. Refuses with the file and the reason: CONFIG_INVALID missing
 * or unreadable, IDENTITY_INVALID not what it should be, IDENTITY_EXPIRED outside its time.
 */
export async function readAuthority(directory: string): Promise<MeshAuthority> {
  const read = (name: string): string => readIdentityFile(join(directory, name), missingHint);
  const privateKeyPem = read(authorityFiles.privateKey);
  const certificatePem = read(authorityFiles.certificate);
  const mesh = readMeshName(read(authorityFiles.mesh).trim(), join(directory, authorityFiles.mesh));
  checkAuthority({ privateKeyPem, certificatePem }, directory);
  return await openMeshAuthority({ privateKeyPem, certificatePem }, mesh);
}

const missingHint = "; `cloudbrain hub init` makes it at the root of the mesh";

function readMeshName(text: string, file: string): string {
  try {
    return parseMeshName(text);
  } catch (cause) {
    const detail = cause instanceof MeshError ? cause.detail : String(cause);
    throw new MeshError("IDENTITY_INVALID", { subject: file, detail, cause });
  }
}

function checkAuthority({ privateKeyPem, certificatePem }: AuthorityPem, directory: string): void {
  const keyFile = join(directory, authorityFiles.privateKey);
  const certificateFile = join(directory, authorityFiles.certificate);
  const certificate = readAs(
    certificateFile,
    "certificate",
    () => new X509Certificate(certificatePem),
  );
  const key = readAs(keyFile, "private key", () => createPrivateKey(privateKeyPem));
  if (!certificate.ca) refuse(certificateFile, "it is not the certificate of an authority");
  if (!certificate.checkPrivateKey(key)) {
    refuse(keyFile, `the key does not belong to ${authorityFiles.certificate}`);
  }
  const period = {
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
  };
  checkTime(period, certificateFile, Date.now());
}

function readAs<Value>(file: string, what: string, read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    refuse(file, `it holds no ${what} in PEM`, cause);
  }
}

function refuse(subject: string, detail: string, cause?: unknown): never {
  throw new MeshError("IDENTITY_INVALID", { subject, detail, cause });
}
