import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { DescriptorIndex } from "@cloudbrain/hub/internal/api/descriptor-index";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("descriptor index");

type File = MessageInitShape<typeof FileDescriptorProtoSchema>;

const syntax = "proto2";
const enumeration = { name: "Level", value: [{ name: "CITY", number: 0 }] };
const field = (name: string, number: number, extendee?: string) => ({
  name,
  number,
  label: FieldDescriptorProto_Label.OPTIONAL,
  type: FieldDescriptorProto_Type.INT32,
  ...(extendee === undefined ? {} : { extendee }),
});

/** `d` imports `c` and `b`, of which `b` imports `c` too, and `c` imports `a`. */
const files: readonly File[] = [
  {
    name: "a.proto",
    package: "one",
    syntax,
    messageType: [
      { name: "Open", extensionRange: [{ start: 100, end: 200 }] },
      { name: "Shut", field: [field("width", 1)], oneofDecl: [], enumType: [enumeration] },
    ],
  },
  {
    name: "c.proto",
    package: "one",
    syntax,
    dependency: ["a.proto"],
    extension: [field("late", 120, ".one.Open"), field("early", 101, ".one.Open")],
  },
  {
    name: "b.proto",
    package: "two",
    syntax,
    dependency: ["c.proto"],
    enumType: [{ name: "Kind", value: [{ name: "HUB", number: 0 }] }],
  },
  {
    name: "d.proto",
    syntax,
    dependency: ["c.proto", "b.proto"],
    enumType: [{ name: "Bare", value: [{ name: "ALONE", number: 0 }] }],
    service: [
      { name: "Desk", method: [{ name: "Ask", inputType: ".one.Open", outputType: ".one.Shut" }] },
    ],
  },
];

const index = new DescriptorIndex(
  toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [...files] })),
);

function namesOf(encoded: readonly Uint8Array[] | undefined): readonly string[] | undefined {
  return encoded?.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

test("a file comes with all that it imports, each once and before what it imports", () => {
  assert.equal(namesOf(index.fileNamed("a.proto")), ["a.proto"]);
  assert.equal(namesOf(index.fileNamed("d.proto")), ["d.proto", "b.proto", "c.proto", "a.proto"]);
  assert.is(index.fileNamed("e.proto"), undefined);
});

test("a file is handed on as it was put in", () => {
  const [bytes = new Uint8Array()] = index.fileNamed("c.proto") ?? [];
  const [, file = {}] = files;
  assert.equal(bytes, toBinary(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, file)));
});

test("whatever has a full name is found by it", () => {
  const owners = {
    "one.Open": "a.proto",
    "one.Shut.width": "a.proto",
    "one.Shut.Level": "a.proto",
    "one.Shut.CITY": "a.proto",
    "one.late": "c.proto",
    "two.Kind": "b.proto",
    "two.HUB": "b.proto",
    ALONE: "d.proto",
    Desk: "d.proto",
    "Desk.Ask": "d.proto",
  };
  const found = Object.keys(owners).map((name) => [name, namesOf(index.fileDeclaring(name))?.[0]]);
  assert.equal(Object.fromEntries(found), owners);
  for (const name of ["", "one", "Open", ".one.Open", "two.Kind.HUB", "Desk.Tell", "constructor"]) {
    assert.is(index.fileDeclaring(name), undefined, name);
  }
});

test("extensions are found by the message that they extend and their number", () => {
  assert.equal(namesOf(index.fileExtending("one.Open", 120)), ["c.proto", "a.proto"]);
  assert.is(index.fileExtending("one.Open", 121), undefined);
  assert.is(index.fileExtending("one.None", 120), undefined);
  assert.equal(index.extensionNumbers("one.Open"), [101, 120]);
  assert.equal(index.extensionNumbers("one.Shut"), []);
  assert.is(index.extensionNumbers("one.None"), undefined);
  assert.is(index.extensionNumbers("two.Kind"), undefined);
});
