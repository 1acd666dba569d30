// The link service as grpc-js sees it: bytes in, bytes out. Parsing and encoding are ours, so that
// a batch is copied no more often than grpc-js itself does.

import { makeGenericClientConstructor, type ServiceDefinition } from "@grpc/grpc-js";

const asBuffer = (bytes: Buffer): Buffer => bytes;

const stream = (path: string) => ({
  path,
  requestStream: true,
  responseStream: true,
  requestSerialize: asBuffer,
  requestDeserialize: asBuffer,
  responseSerialize: asBuffer,
  responseDeserialize: asBuffer,
});

export const linkService = {
  Link: stream("/cloudbrain.v1.LinkService/Link"),
  Bulk: stream("/cloudbrain.v1.LinkService/Bulk"),
} as const satisfies ServiceDefinition;

export const LinkClient = makeGenericClientConstructor(linkService, "LinkService");

/** Metadata of the Bulk call: names the link that it belongs to. */
export const linkTokenKey = "cloudbrain-link";
