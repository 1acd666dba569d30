// Callers: who is on the other end of a call, and whether it may do what it asks.
//
//   A1  The caller is what its certificate says; TLS has checked the chain.
//   A2  Nodes at or below the hub may submit and read. Who manages the hub is the operator
//       (`s-operator`) of this hub or of one above it. Any member of the mesh may ask how it is and
//       what it serves, and sign a user in.
//   A3  A certificate that ends, ends what is under way with it.

import { type Address, isWithin, MeshError, parentOf, parseAddress } from "@cloudbrain/sdk/domain";
import { type PeerIdentity, parsePeerCertificate } from "@cloudbrain/sdk/identity";
import type { ServerUnaryCall, ServerWritableStream } from "@grpc/grpc-js";

export type Right = "member" | "use" | "manage";

type Call = Pick<ServerUnaryCall<unknown, unknown>, "getAuthContext"> | AuthorisedStream;
type AuthorisedStream = Pick<ServerWritableStream<unknown, unknown>, "getAuthContext">;

export const operatorLabel = "s-operator";

/** Address of the operator that manages the hub at `hub`. */
export function operatorOf(hub: Address): Address {
  return parseAddress(`${hub}/${operatorLabel}`);
}

/** Who calls; refuses with IDENTITY_UNTRUSTED, IDENTITY_EXPIRED or NOT_ALLOWED. */
export function authorise(call: Call, hub: PeerIdentity, right: Right): PeerIdentity {
  const caller = identityOf(call);
  // TLS looks at it at the handshake only, and a connection may outlive it.
  if (caller.notAfterMs <= Date.now()) throw expiredError(caller.address);
  if (caller.mesh !== hub.mesh) {
    throw new MeshError("IDENTITY_UNTRUSTED", {
      subject: caller.address,
      detail: `it is of mesh ${caller.mesh}, this hub is of ${hub.mesh}`,
    });
  }
  if (!isAllowed(caller.address, hub.address, right)) {
    throw new MeshError("NOT_ALLOWED", {
      subject: caller.address,
      detail: `${caller.address} may not ${right} the hub ${hub.address}`,
    });
  }
  return caller;
}

export function expiredError(address: Address): MeshError {
  const detail = "the certificate of the caller has ended: renew it and connect again";
  return new MeshError("IDENTITY_EXPIRED", { subject: address, detail });
}

/**
 * Who has called, by connection: fetching and reading the certificate for every call was a fifth of
 * a busy hub's time, and TLS does not change it while the connection lasts.
 */
const identities = new WeakMap<object, PeerIdentity>();

function identityOf(call: Call): PeerIdentity {
  const session = sessionOf(call);
  const known = session === undefined ? undefined : identities.get(session);
  if (known !== undefined) return known;
  const certificate = call.getAuthContext().sslPeerCertificate;
  if (certificate?.raw === undefined) {
    throw new MeshError("IDENTITY_UNTRUSTED", { detail: "the caller has shown no certificate" });
  }
  const identity = parsePeerCertificate(certificate.raw);
  if (session !== undefined) identities.set(session, identity);
  return identity;
}

/** What grpc-js keeps to itself: looked for, never relied upon. */
interface CallInside {
  readonly call?: { readonly stream?: { readonly session?: unknown } };
}

/** The HTTP/2 session of a call, or undefined where this grpc-js keeps it elsewhere. */
function sessionOf(call: Call): object | undefined {
  const session = (call as unknown as CallInside).call?.stream?.session;
  return typeof session === "object" && session !== null ? session : undefined;
}

export function isAllowed(caller: Address, hub: Address, right: Right): boolean {
  if (right === "member" || isOperatorFor(caller, hub) || caller === hub) return true;
  return right === "use" && isWithin(caller, hub);
}

function isOperatorFor(caller: Address, hub: Address): boolean {
  const manages = parentOf(caller);
  return (
    manages !== undefined && caller === `${manages}/${operatorLabel}` && isWithin(hub, manages)
  );
}
