// Node certificate: the bytes of a certificate for one node (Y1, Y4), signed.
//
// The generator of @peculiar/x509 parses again whatever it has just encoded, and signs through
// WebCrypto: two thirds of its time. A mesh begins with thousands of these; so the same schema
// classes are filled here, and node:crypto signs.

import { createHash, type KeyObject, sign } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

export interface NodeCertificateContent {
  /** Big-endian and positive. */
  readonly serialNumber: Uint8Array<ArrayBuffer>;
  /** The subject of the authority, letter by letter: chains are built by comparing it. */
  readonly issuerDer: ArrayBuffer;
  /** Identifier of the authority's key; undefined where its certificate tells none. */
  readonly issuerKeyId: Uint8Array | undefined;
  readonly commonName: string;
  /** Whole seconds. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo. */
  readonly publicKeyDer: Uint8Array;
  readonly uri: string;
  readonly dnsName: string;
  /** On P-256. */
  readonly signingKey: KeyObject;
}

/** The certificate in PEM. */
export function encodeNodeCertificate(content: NodeCertificateContent): string {
  const { serialNumber, issuerDer, issuerKeyId, commonName, uri, dnsName } = content;
  const names = new SubjectAlternativeName([
    new GeneralName({ uniformResourceIdentifier: uri }),
    new GeneralName({ dNSName: dnsName }),
  ]);
  const publicKey = AsnConvert.parse(content.publicKeyDer, SubjectPublicKeyInfo);
  const keyId = new SubjectKeyIdentifier(keyIdOf(publicKey.subjectPublicKey));
  const extensions = [
    ...fixedExtensions,
    extension(id_ce_subjectKeyIdentifier, false, keyId),
    ...(issuerKeyId === undefined ? [] : [authorityKeyExtension(issuerKeyId)]),
    extension(id_ce_subjectAltName, false, names),
  ];
  const signed = new TBSCertificate({
    version: Version.v3,
    serialNumber: new Uint8Array(serialNumber).buffer,
    signature,
    issuer: AsnConvert.parse(issuerDer, Name),
    validity: new Validity({ notBefore: content.notBefore, notAfter: content.notAfter }),
    subject: nameOf(commonName),
    subjectPublicKeyInfo: publicKey,
    extensions: new Extensions(extensions),
  });
  const signedDer = new Uint8Array(AsnConvert.serialize(signed));
  const signatureValue = sign("sha256", signedDer, content.signingKey);
  const der = encodeDer(
    sequenceTag,
    signedDer,
    signatureDer,
    encodeDer(bitStringTag, noUnusedBits, signatureValue),
  );
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  const attribute = new AttributeTypeAndValue({ type: commonNameId, value });
  return new Name([new RelativeDistinguishedName([attribute])]);
}

/**
 * RFC 7093 method 1: the first 160 bits of the sha256 of the key's bits. Chains are built by it
 * where two authorities have one name, as while one follows the other.
 */
export function keyIdOf(subjectPublicKey: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const hash = createHash("sha256").update(new Uint8Array(subjectPublicKey)).digest();
  return new Uint8Array(hash.subarray(0, keyIdBytes));
}

const keyIdBytes = 20;

function authorityKeyExtension(keyId: Uint8Array): Extension {
  const value = new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyId) });
  return extension(id_ce_authorityKeyIdentifier, false, value);
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  const extnValue = new OctetString(AsnConvert.serialize(value));
  return new Extension({ extnID, critical, extnValue });
}

const commonNameId = "2.5.4.3";
/** ecdsa-with-SHA256, without parameters (RFC 5758 3.2). */
const signature = new AlgorithmIdentifier({ algorithm: "1.2.840.10045.4.3.2" });
const signatureDer = new Uint8Array(AsnConvert.serialize(signature));

/** Extensions that are alike in every node's certificate (Y4). */
const fixedExtensions: readonly Extension[] = [
  extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
  extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
  extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth, id_kp_clientAuth])),
];

const sequenceTag = 0x30;
const bitStringTag = 0x03;
const noUnusedBits = Uint8Array.of(0);
const shortLengthMax = 0x7f;

/** One value of DER; its length takes one byte up to 127 and as few as possible beyond. */
function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const length: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const head =
    body.length <= shortLengthMax ? [tag, body.length] : [tag, 0x80 | length.length, ...length];
  return Buffer.concat([Uint8Array.from(head), body]);
}
