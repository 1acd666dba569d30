// Descriptor index: finds the files of a schema by what they hold, for those who have none.
//
//   G1  A file comes together with all that it imports, and stands before what it imports: some
//       clients take the first for the answer, and backwards each finds its imports there already.
//   G2  Names are full and without a leading dot. An enum's values are named beside the enum, as
//       protobuf scopes them: `package.VALUE`.

import {
  createFileRegistry,
  type DescFile,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Each an encoded google.protobuf.FileDescriptorProto. */
export type EncodedFiles = readonly Uint8Array[];

export class DescriptorIndex {
  private readonly registry: FileRegistry;
  private readonly files = new Map<string, DescFile>();

  /** Of an encoded google.protobuf.FileDescriptorSet, in which imports come first. */
  constructor(descriptorSet: Uint8Array) {
    this.registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet));
    for (const type of this.registry) {
      this.files.set(type.typeName, type.file);
      if (type.kind === "message") this.addAll(type.file, type.typeName, type.members);
      if (type.kind === "service") this.addAll(type.file, type.typeName, type.methods);
      if (type.kind === "enum") this.addAll(type.file, scopeOf(type.typeName), type.values);
    }
  }

  private addAll(file: DescFile, scope: string, members: Iterable<{ readonly name: string }>) {
    for (const { name } of members) this.files.set(scope === "" ? name : `${scope}.${name}`, file);
  }

  /** By its path below the root of the schema, such as `cloudbrain/v1/chain.proto`. */
  fileNamed(name: string): EncodedFiles | undefined {
    return encodeAll(this.registry.getFile(name));
  }

  /** The file that declares a type, service, method, field, oneof or enum value (G2). */
  fileDeclaring(symbol: string): EncodedFiles | undefined {
    return encodeAll(this.files.get(symbol));
  }

  fileExtending(message: string, fieldNumber: number): EncodedFiles | undefined {
    const extended = this.registry.getMessage(message);
    if (extended === undefined) return undefined;
    return encodeAll(this.registry.getExtensionFor(extended, fieldNumber)?.file);
  }

  /** In ascending order; undefined when there is no such message. */
  extensionNumbers(message: string): readonly number[] | undefined {
    if (this.registry.getMessage(message) === undefined) return undefined;
    const numbers: number[] = [];
    for (const type of this.registry) {
      if (type.kind === "extension" && type.extendee.typeName === message) {
        numbers.push(type.number);
      }
    }
    return numbers.sort((a, b) => a - b);
  }
}

function scopeOf(typeName: string): string {
  return typeName.slice(0, Math.max(typeName.lastIndexOf("."), 0));
}

/** G1. */
function encodeAll(file: DescFile | undefined): EncodedFiles | undefined {
  if (file === undefined) return undefined;
  const importsFirst = new Set<DescFile>();
  const visit = (visited: DescFile): void => {
    if (importsFirst.has(visited)) return;
    for (const imported of visited.dependencies) visit(imported);
    importsFirst.add(visited);
  };
  visit(file);
  const files = [...importsFirst].reverse();
  return files.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
}
