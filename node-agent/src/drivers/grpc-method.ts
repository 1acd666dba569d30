// gRPC method: a unary method of a vendor's .proto, looked up by name before anything connects.
//
// Only this vendor's agent loads the files: their loader makes code of them, so no hub ever does.

import { dirname } from "node:path";
import { closestName } from "@cloudbrain/sdk/cli";
import type { MethodDefinition } from "@grpc/grpc-js";
import {
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import type { Say } from "../cli/texts.ts";

export interface GrpcMethodNames {
  /** Paths of .proto files; what they import is looked for beside them. */
  readonly protos: readonly string[];
  /** Such as `pump.v1.PumpService`. */
  readonly service: string;
  readonly method: string;
  /** Field of the request message to field of the input. */
  readonly request: Readonly<Record<string, string>> | undefined;
  /** Field of the output to field of the response message. */
  readonly response: Readonly<Record<string, string>> | undefined;
}

export type GrpcMethod = MethodDefinition<object, object>;

/** What is wrong, with the key of the configuration that says it. */
export interface GrpcMistake {
  readonly key: string;
  readonly why: string;
}

export function findGrpcMethod(
  names: GrpcMethodNames,
  say: Say,
): { readonly method: GrpcMethod } | { readonly mistakes: readonly GrpcMistake[] } {
  let loaded: PackageDefinition;
  try {
    loaded = loadSync([...names.protos], {
      includeDirs: names.protos.map((file) => dirname(file)),
      keepCase: false,
      longs: String,
      enums: String,
      bytes: String,
      defaults: true,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { mistakes: [{ key: "protos", why: say("driver.grpc.protos", { why }) }] };
  }
  const services = Object.keys(loaded).filter((name) => isService(loaded[name]));
  const service = loaded[names.service];
  if (!isService(service)) return unknownName("service", names.service, services, say);
  const method = service[names.method];
  if (method === undefined) {
    return unknownName("method", names.method, Object.keys(service), say);
  }
  if (method.requestStream || method.responseStream) {
    return { mistakes: [{ key: "method", why: say("driver.grpc.streaming") }] };
  }
  const mistakes = [
    ...findUnknownFields("request", Object.keys(names.request ?? {}), method.requestType, say),
    ...findUnknownFields("response", Object.values(names.response ?? {}), method.responseType, say),
  ];
  return mistakes.length > 0 ? { mistakes } : { method };
}

function isService(found: PackageDefinition[string] | undefined): found is ServiceDefinition {
  return found !== undefined && !("format" in found);
}

function unknownName(
  key: "service" | "method",
  name: string,
  known: readonly string[],
  say: Say,
): { readonly mistakes: readonly GrpcMistake[] } {
  const near = closestName(name, known);
  const hint = near === undefined ? "" : ` ${say("usage.didYouMean", { name: near })}`;
  const why = say("driver.grpc.unknown", { name, known: known.join(", ") });
  return { mistakes: [{ key, why: `${why}${hint}` }] };
}

function findUnknownFields(
  key: "request" | "response",
  names: readonly string[],
  message: MessageTypeDefinition<object, object>,
  say: Say,
): readonly GrpcMistake[] {
  const { field } = message.type as { readonly field: readonly { readonly name: string }[] };
  const known = field.map(({ name }) => name);
  return names
    .filter((name) => !known.includes(name))
    .map((name) => ({ key, why: say("driver.grpc.field", { name, known: known.join(", ") }) }));
}
