import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadHubConfig } from "@cloudbrain/hub/internal/cli/hub-config";
import { type HubInitOptions, initHub } from "@cloudbrain/hub/internal/cli/hub-init";
import { exitCodeOf } from "@cloudbrain/sdk/cli";
import { isMeshError } from "@cloudbrain/sdk/domain";
import { readAuthority, readCredentials, writeAuthority } from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("hub init");

const directory = mkdtempSync(join(tmpdir(), "cloudbrain-init-"));
const inDirectory = (...path: readonly string[]): string => join(directory, ...path);
const rootAuthority = inDirectory("root", "authority");

function makeOptions(name: string, options: Partial<HubInitOptions> = {}): HubInitOptions {
  return {
    directory: inDirectory(name),
    address: "/3702",
    title: "",
    level: undefined,
    division: undefined,
    mesh: undefined,
    authority: undefined,
    parent: undefined,
    port: 7443,
    ...options,
  };
}

test.before(async () => {
  await initHub(makeOptions("root"));
});
test.after(() => rmSync(directory, { recursive: true }));

interface Refusal {
  readonly exit: number;
  readonly subject: string;
  readonly detail: string;
}

async function refusalOf(run: () => unknown): Promise<Refusal> {
  try {
    await run();
  } catch (error) {
    if (!isMeshError(error)) throw error;
    const { subject = "", detail = "" } = error;
    return { exit: exitCodeOf(error), subject: subject.replace(`${directory}/`, ""), detail };
  }
  throw new Error("it was not refused");
}

const underRoot = { address: "/3702/370202", authority: rootAuthority } as const;

/** What is wrong, and the flag or address that is named with it. */
const mistakes: readonly (readonly [Partial<HubInitOptions>, string, RegExp])[] = [
  [{ address: "3702" }, "3702", /begin with \//],
  [{ address: "/A" }, "/A", /A/],
  [{ address: "/a".repeat(16) }, `${"/a".repeat(16)}/s-operator`, /16/],
  [{ level: "town" }, "--level", /"city"\|"district"/],
  [{ division: "3702" }, "--division", /12 digits/],
  [{ port: 65_536 }, "--port", /65535/],
  [{ port: Number.NaN }, "--port", /number/],
  [{ mesh: "A b" }, "--mesh", /such as qd\.mesh/],
  [{ ...underRoot, mesh: "other.mesh" }, "--mesh", /is of mesh\.local, not of other\.mesh/],
  [{ ...underRoot, parent: "nowhere" }, "--parent", /write host:port/],
  [{ ...underRoot, address: "/3702", parent: "h:1" }, "--parent", /root has none above it/],
  [{ address: "/3702/370202", parent: "h:1" }, "--authority", /name its directory/],
  [{ ...underRoot, address: "/3703/a" }, "/3703/a", /issues for 3702\.mesh\.local and below/],
];

test("a mistake of usage is exit code 2, names what is wrong and makes nothing", async () => {
  for (const [options, place, reason] of mistakes) {
    const refusal = await refusalOf(() => initHub(makeOptions("refused", options)));
    assert.equal([refusal.exit, refusal.subject], [2, place]);
    assert.match(refusal.detail, reason);
    assert.is(existsSync(inDirectory("refused")), false, place);
  }
});

test("nothing that exists is replaced, whichever part it is", async () => {
  const parts = ["hub.yaml", "identity", "operator", "authority", "data/store", "data/anchor"];
  for (const part of parts) {
    const name = `partly-${part.replaceAll(/\W/g, "-")}`;
    mkdirSync(inDirectory(name, part), { recursive: true });
    const refusal = await refusalOf(() => initHub(makeOptions(name)));
    assert.equal([refusal.exit, refusal.subject], [5, join(name, part)]);
    assert.equal(readdirSync(inDirectory(name)), [part.split("/")[0]]);
  }
});

/** The root's authority, with one file that is another. Without a text it can't be read. */
function spoilAuthority(name: string, spoilt: string, text: string | undefined): string {
  mkdirSync(inDirectory(name));
  for (const file of ["ca.key", "ca.crt", "mesh"]) {
    const copy = inDirectory(name, file);
    if (file !== spoilt) writeFileSync(copy, readFileSync(join(rootAuthority, file)));
    else if (text === undefined) mkdirSync(copy);
    else writeFileSync(copy, text);
  }
  return inDirectory(name);
}

test("an authority that can't be used is told with its file and the reason", async () => {
  const node = (file: string): string =>
    readFileSync(inDirectory("root", "identity", file), "utf8");
  const cases = [
    ["ca.key", undefined, 78, "the file can't be read (EISDIR)"],
    ["ca.key", "garbage", 4, "it holds no private key in PEM"],
    ["ca.crt", "garbage", 4, "it holds no certificate in PEM"],
    ["ca.crt", node("node.crt"), 4, "it is not the certificate of an authority"],
    ["ca.key", node("node.key"), 4, "the key does not belong to ca.crt"],
    ["mesh", "A b\n", 4, '"A b" is not the name of a mesh; write one such as qd.mesh'],
  ] as const;
  for (const [index, [file, text, exit, detail]] of cases.entries()) {
    const name = `spoilt-${index}`;
    const authority = spoilAuthority(name, file, text);
    const options = makeOptions("refused", { ...underRoot, authority });
    const subject = join(name, file);
    assert.equal(await refusalOf(() => initHub(options)), { exit, subject, detail });
    assert.is(existsSync(inDirectory("refused")), false);
  }
});

test("an authority is read as it was written", async () => {
  const read = await readAuthority(rootAuthority);
  const text = (file: string): string => readFileSync(join(rootAuthority, file), "utf8");
  const pem = { certificatePem: read.certificatePem, privateKeyPem: text("ca.key") };
  writeAuthority(inDirectory("copy"), pem, read.mesh);
  const copy = await readAuthority(inDirectory("copy"));
  assert.equal([copy.mesh, copy.certificatePem], ["mesh.local", text("ca.crt")]);
  assert.equal(copy.permittedNames, ["3702.mesh.local"]);
});

test("hub run takes what init made; a child has the parent's authority and names it", async () => {
  const made = await initHub(makeOptions("child", { ...underRoot, parent: "h:7443", port: 0 }));
  assert.equal(made, {
    config: inDirectory("child", "hub.yaml"),
    authority: rootAuthority,
    operator: inDirectory("child", "operator"),
  });
  const { value } = loadHubConfig(made.config);
  assert.equal(
    [value.address, value.title, value.parent, value.listen.port, value.dataDir],
    ["/3702/370202", { zh: "370202" }, "h:7443", 0, inDirectory("child", "data")],
  );
  assert.is(existsSync(inDirectory("child", "authority")), false);
  const { identity, authorityPem } = readCredentials(value.identityDir);
  assert.equal([identity.address, identity.mesh], ["/3702/370202", "mesh.local"]);
  assert.is(authorityPem, readFileSync(join(rootAuthority, "ca.crt"), "utf8"));
});

test("hub.yaml says what the people of a hub do, in the words of definitions", async () => {
  const made = readFileSync(inDirectory("root", "hub.yaml"), "utf8");
  const write = (capabilities: string): string => {
    const file = inDirectory("desk.yaml");
    writeFileSync(file, `${made}capabilities: ${capabilities}\n`);
    return file;
  };
  const { value } = loadHubConfig(write("[clerk.handle/v1, water]"));
  assert.equal(value.capabilities, ["clerk.handle/v1", "water"]);
  for (const [capabilities, told] of [
    ["[two words]", "write a name and its version, such as clerk.handle/v1"],
    ["[clerk/v1, clerk/v1]", "one stands there twice"],
  ] as const) {
    const { exit, detail } = await refusalOf(() => loadHubConfig(write(capabilities)));
    assert.is(exit, 78);
    assert.ok(/desk\.yaml:\d+:\d+: capabilities/.test(detail) && detail.includes(told), detail);
  }
});

test("hub.yaml of a hub at the root may not name a parent", async () => {
  const file = inDirectory("root", "hub.yaml");
  const orphan = inDirectory("orphan.yaml");
  writeFileSync(orphan, `${readFileSync(file, "utf8")}parent: 127.0.0.1:1\n`);
  const { exit, detail } = await refusalOf(() => loadHubConfig(orphan));
  assert.is(exit, 78);
  assert.match(detail, /orphan\.yaml:\d+:\d+: parent: a hub at the root has none above it/);
});
