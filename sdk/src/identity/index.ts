export { readAuthority, writeAuthority } from "./authority-files.ts";
export {
  type AuthorityPem,
  certificatePeriod,
  createMeshAuthority,
  type IssuedCertificate,
  issueCertificate,
  issueCredentials,
  type MeshAuthority,
  type NewAuthority,
  type NewCertificate,
  openMeshAuthority,
} from "./certificate-authority.ts";
export {
  type CredentialPaths,
  type CredentialPem,
  type Credentials,
  checkCredentials,
  credentialFiles,
  readCredentials,
  writeCredentials,
  writeSecret,
} from "./credential-files.ts";
export { ensurePrivateDirectory } from "./identity-file.ts";
export {
  certificateDelayMs,
  dnsNameOf,
  type PeerIdentity,
  parseMeshName,
  parsePeerCertificate,
  spiffeIdOf,
} from "./node-identity.ts";
