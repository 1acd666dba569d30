// Addresses: where a node stands. A path from the root, such as /3702/370202/i-traffic.
//
//   A1  One grammar, parsed here and opaque elsewhere: labels are legal in a SPIFFE path and as a
//       DNS label, so that identity and address can be compared letter by letter.

import { MeshError } from "./errors.ts";
import { limits } from "./limits.ts";

declare const addressBrand: unique symbol;
/** `/label/label/...`: 1..16 labels of `[0-9a-z-]{1,63}`, never beginning or ending in `-`. */
export type Address = string & { readonly [addressBrand]: true };

const labelPattern = /^[0-9a-z](?:[0-9a-z-]{0,61}[0-9a-z])?$/;

/** Refuses with ADDRESS_INVALID, naming the label that is wrong. */
export function parseAddress(text: string): Address {
  if (!text.startsWith("/")) refuse(text, "it must begin with /");
  if (text.length > limits.addressCharsMax) refuse(text.slice(0, 80), "it is too long");
  const labels = text.slice(1).split("/");
  if (labels.length > limits.addressSegmentsMax) refuse(text, "it has more than 16 segments");
  for (const label of labels) {
    if (!labelPattern.test(label)) refuse(text, `"${label}" is not a label [0-9a-z-]{1,63}`);
  }
  return text as Address;
}

function refuse(text: string, why: string): never {
  throw new MeshError("ADDRESS_INVALID", { subject: text, detail: why });
}

export function addressSegments(address: Address): readonly string[] {
  return address.slice(1).split("/");
}

/** True for the ancestor itself and everything below it. */
export function isWithin(address: string, ancestor: string): boolean {
  return (
    address.startsWith(ancestor) &&
    (address.length === ancestor.length || address.charAt(ancestor.length) === "/")
  );
}

/** The address one level up, or undefined at the root. */
export function parentOf(address: Address): Address | undefined {
  const cut = address.lastIndexOf("/");
  return cut <= 0 ? undefined : (address.slice(0, cut) as Address);
}

/** The child of `hub` whose subtree holds `address`, or undefined when it lies elsewhere. */
export function childTowards(hub: Address, address: string): Address | undefined {
  if (!isWithin(address, hub) || address.length === hub.length) return undefined;
  const end = address.indexOf("/", hub.length + 1);
  return (end < 0 ? address : address.slice(0, end)) as Address;
}

/** The last label: a division code, or i-..., r-..., s-.... */
export function lastLabel(address: Address): string {
  return address.slice(address.lastIndexOf("/") + 1);
}
