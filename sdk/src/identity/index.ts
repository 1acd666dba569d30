export {
  type AuthorityPem,
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
export {
  certificateDelayMs,
  dnsNameOf,
  type PeerIdentity,
  parseMeshName,
  parsePeerCertificate,
  spiffeIdOf,
} from "./node-identity.ts";
