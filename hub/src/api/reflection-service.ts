// grpc.reflection: tells a client without our proto files what the hub serves, as far as tools such
// as `buf curl` need to call it. Versions v1 and v1alpha have the same messages.
// Why it is not the package @grpc/reflection: docs/adr/0015.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
  ServerReflectionServer,
} from "@cloudbrain/proto/grpc/reflection/v1/reflection";
import { status } from "@grpc/grpc-js";
import { bidiStream } from "./calls.ts";
import { DescriptorIndex, type EncodedFiles } from "./descriptor-index.ts";
import type { ServiceParts } from "./services.ts";

type Question = NonNullable<ServerReflectionRequest["messageRequest"]>;
type Answer = NonNullable<ServerReflectionResponse["messageResponse"]>;

/** A miss is an answer like any other: the stream goes on with the caller's next question. */
export function createReflectionService(
  parts: Pick<ServiceParts, "calls">,
  services: ReadonlySet<string>,
): ServerReflectionServer {
  const { calls: host } = parts;
  return {
    serverReflectionInfo: bidiStream(host, "member", (request: ServerReflectionRequest) => ({
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(request.messageRequest, services, ownSchema()),
    })),
  };
}

let known: DescriptorIndex | undefined;

/** Of the contract that this package was built with. Few hubs are ever asked: read when one is. */
function ownSchema(): DescriptorIndex {
  known ??= new DescriptorIndex(
    readFileSync(fileURLToPath(import.meta.resolve("@cloudbrain/proto/descriptor-set.binpb"))),
  );
  return known;
}

function answer(
  question: Question | undefined,
  services: ReadonlySet<string>,
  schema: DescriptorIndex,
): Answer {
  switch (question?.$case) {
    case "listServices": {
      const service = [...services].sort().map((name) => ({ name }));
      return { $case: "listServicesResponse", value: { service } };
    }
    case "fileByFilename":
      return filesOr(schema.fileNamed(question.value), `file ${question.value}`);
    case "fileContainingSymbol":
      return filesOr(schema.fileDeclaring(question.value), `symbol ${question.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      const files = schema.fileExtending(containingType, extensionNumber);
      return filesOr(files, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const numbers = schema.extensionNumbers(question.value);
      if (numbers === undefined) return notFound(`message ${question.value}`);
      const value = { baseTypeName: question.value, extensionNumber: [...numbers] };
      return { $case: "allExtensionNumbersResponse", value };
    }
    case undefined:
      return refusal(status.INVALID_ARGUMENT, "the request asks for nothing that is known here");
  }
}

function filesOr(files: EncodedFiles | undefined, what: string): Answer {
  if (files === undefined) return notFound(what);
  return { $case: "fileDescriptorResponse", value: { fileDescriptorProto: [...files] } };
}

function notFound(what: string): Answer {
  return refusal(
    status.NOT_FOUND,
    `the schema of this hub has no ${what.slice(0, quotedCharsMax)}`,
  );
}

/** A caller's text in an answer; no name in a schema is longer. */
const quotedCharsMax = 300;

function refusal(errorCode: status, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}
