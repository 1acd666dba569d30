import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, isMeshError } from "@cloudbrain/sdk/domain";
import {
  type AuthorityPem,
  createMeshAuthority,
  credentialFiles,
  type IssuedCertificate,
  issueCertificate,
  openMeshAuthority,
  readCredentials,
  writeCredentials,
} from "@cloudbrain/sdk/identity";
import * as assert from "uvu/assert";
import { suite } from "../support/suite.ts";

const test = suite("credential files");
const now = Date.now();
const hour = 3_600_000;
const mesh = "qd.mesh";
const address = "/3702/370202" as Address;

let scratch = "";
test.before(() => {
  scratch = mkdtempSync(join(tmpdir(), "cloudbrain-credentials-"));
});
test.after(() => rmSync(scratch, { recursive: true, force: true }));

async function makeAuthority(days = 2): Promise<AuthorityPem> {
  const rootAddress = "/3702" as Address;
  return await createMeshAuthority({ mesh, rootAddress, nowMs: now - 2 * hour, days });
}

async function issue(authority: AuthorityPem, hours = 1): Promise<IssuedCertificate> {
  return await issueCertificate(await openMeshAuthority(authority, mesh), {
    address,
    notBeforeMs: now - hour,
    notAfterMs: now + hours * hour,
  });
}

interface Home {
  readonly directory: string;
  readonly authority: AuthorityPem;
  readonly issued: IssuedCertificate;
  readonly fileOf: (part: keyof typeof credentialFiles) => string;
}

/** A directory with three good files. */
async function makeHome(): Promise<Home> {
  const directory = join(mkdtempSync(join(scratch, "home-")), "identity");
  const authority = await makeAuthority();
  const issued = await issue(authority);
  writeCredentials(directory, { ...issued, authorityPem: authority.certificatePem });
  return { directory, authority, issued, fileOf: (part) => join(directory, credentialFiles[part]) };
}

interface Refusal {
  readonly code: string;
  readonly subject: string | undefined;
  readonly detail: string | undefined;
}

function refusalOf(act: () => unknown): Refusal {
  try {
    act();
  } catch (error) {
    if (!isMeshError(error)) throw error;
    return { code: error.code, subject: error.subject, detail: error.detail };
  }
  throw new Error("it was taken");
}

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

test("what was written is read back, from the directory and by paths", async () => {
  const { directory, authority, issued, fileOf } = await makeHome();
  const read = readCredentials(directory);
  assert.is(read.identity.address, address);
  assert.is(read.identity.mesh, mesh);
  assert.is(read.certificatePem, issued.certificatePem);
  assert.is(read.privateKeyPem, issued.privateKeyPem);
  assert.is(read.authorityPem, authority.certificatePem);

  const privateKey = join(directory, "elsewhere.pem");
  renameSync(fileOf("privateKey"), privateKey);
  const paths = {
    certificate: fileOf("certificate"),
    privateKey,
    authority: fileOf("authority"),
  };
  assert.equal(readCredentials(paths), read);
});

test("the directory and the key are for their owner alone", async () => {
  const { directory, fileOf } = await makeHome();
  assert.is(modeOf(directory), 0o700);
  assert.is(modeOf(fileOf("privateKey")), 0o600);
});

test("writing again replaces all three and leaves no key open or other file behind", async () => {
  const { directory, authority, fileOf } = await makeHome();
  chmodSync(fileOf("privateKey"), 0o644);
  const renewed = await issue(authority);
  writeCredentials(directory, { ...renewed, authorityPem: authority.certificatePem });
  assert.is(modeOf(fileOf("privateKey")), 0o600);
  assert.is(readCredentials(directory).certificatePem, renewed.certificatePem);
  assert.equal(readdirSync(directory).sort(), ["ca.crt", "node.crt", "node.key"]);
});

test("a place that can't be written is refused by its name", async () => {
  const { directory, issued, authority, fileOf } = await makeHome();
  const pem = { ...issued, authorityPem: authority.certificatePem };
  assert.equal(
    refusalOf(() => writeCredentials(fileOf("certificate"), pem)),
    {
      code: "CONFIG_INVALID",
      subject: fileOf("certificate"),
      detail: "the directory can't be made (EEXIST)",
    },
  );
  rmSync(fileOf("privateKey"));
  mkdirSync(fileOf("privateKey"));
  const refusal = refusalOf(() => writeCredentials(directory, pem));
  assert.is(refusal.code, "CONFIG_INVALID");
  assert.is(refusal.subject, fileOf("privateKey"));
  assert.equal(readdirSync(directory).sort(), ["ca.crt", "node.crt", "node.key"]);
});

for (const part of ["certificate", "privateKey", "authority"] as const) {
  test(`a missing ${credentialFiles[part]} is refused by its name`, async () => {
    const { directory, fileOf } = await makeHome();
    rmSync(fileOf(part));
    assert.equal(
      refusalOf(() => readCredentials(directory)),
      { code: "CONFIG_INVALID", subject: fileOf(part), detail: "the file is missing" },
    );
  });

  test(`a ${credentialFiles[part]} that is a directory is refused by its name`, async () => {
    const { directory, fileOf } = await makeHome();
    rmSync(fileOf(part));
    mkdirSync(fileOf(part));
    assert.equal(
      refusalOf(() => readCredentials(directory)),
      {
        code: "CONFIG_INVALID",
        subject: fileOf(part),
        detail: "the file can't be read (EISDIR)",
      },
    );
  });

  test(`a ${credentialFiles[part]} with something else in it is refused by its name`, async () => {
    const { directory, fileOf } = await makeHome();
    writeFileSync(fileOf(part), "something else");
    const what = part === "privateKey" ? "private key" : "certificate";
    assert.equal(
      refusalOf(() => readCredentials(directory)),
      { code: "IDENTITY_INVALID", subject: fileOf(part), detail: `it holds no ${what} in PEM` },
    );
  });
}

test("a damaged certificate is refused by its file", async () => {
  const { directory, issued, fileOf } = await makeHome();
  writeFileSync(fileOf("certificate"), issued.certificatePem.replace(/\n[^\n]{20}/, "\n"));
  assert.equal(
    refusalOf(() => readCredentials(directory)),
    {
      code: "IDENTITY_INVALID",
      subject: fileOf("certificate"),
      detail: "it holds a certificate that can't be read",
    },
  );
});

test("the key of another certificate is refused", async () => {
  const { directory, authority, fileOf } = await makeHome();
  writeFileSync(fileOf("privateKey"), (await issue(authority)).privateKeyPem);
  assert.equal(
    refusalOf(() => readCredentials(directory)),
    {
      code: "IDENTITY_INVALID",
      subject: fileOf("privateKey"),
      detail: "the key does not belong to node.crt",
    },
  );
});

test("a certificate of another authority is refused, though it has the same name", async () => {
  const { directory, fileOf } = await makeHome();
  writeFileSync(fileOf("authority"), (await makeAuthority()).certificatePem);
  assert.equal(
    refusalOf(() => readCredentials(directory)),
    {
      code: "IDENTITY_UNTRUSTED",
      subject: fileOf("certificate"),
      detail: "it was not issued by the authority in ca.crt",
    },
  );
});

test("while one authority follows another a node may trust both", async () => {
  const { directory, authority, fileOf } = await makeHome();
  const next = (await makeAuthority()).certificatePem;
  writeFileSync(fileOf("authority"), `${next}\n${authority.certificatePem}`);
  assert.is(readCredentials(directory).identity.address, address);
});

test("an authority's certificate is no node's", async () => {
  const { directory, authority, fileOf } = await makeHome();
  writeFileSync(fileOf("certificate"), authority.certificatePem);
  writeFileSync(fileOf("privateKey"), authority.privateKeyPem);
  assert.equal(
    refusalOf(() => readCredentials(directory)),
    {
      code: "IDENTITY_INVALID",
      subject: fileOf("certificate"),
      detail: "it is an authority's certificate (CA:true), not a node's",
    },
  );
});

test("a node's certificate can't vouch for another's", async () => {
  const { directory, issued, fileOf } = await makeHome();
  writeFileSync(fileOf("authority"), issued.certificatePem);
  assert.is(refusalOf(() => readCredentials(directory)).code, "IDENTITY_UNTRUSTED");
});

test("a certificate outside its time is refused with the time", async () => {
  const { directory, fileOf } = await makeHome();
  const { identity } = readCredentials(directory, now);
  const iso = (ms: number): string => new Date(ms).toISOString();
  const valid = `it is valid from ${iso(identity.notBeforeMs)} until ${iso(identity.notAfterMs)}`;
  const mend = "issue a new one or mend the clock";
  assert.equal(
    refusalOf(() => readCredentials(directory, identity.notAfterMs + 1)),
    {
      code: "IDENTITY_EXPIRED",
      subject: fileOf("certificate"),
      detail: `it has expired: ${valid}; ${mend}`,
    },
  );
  assert.equal(
    refusalOf(() => readCredentials(directory, identity.notBeforeMs - 1)),
    {
      code: "IDENTITY_EXPIRED",
      subject: fileOf("certificate"),
      detail: `it is not valid yet: ${valid}; ${mend}`,
    },
  );
});

test("an authority that ends before its node does is refused by its own file", async () => {
  const directory = join(mkdtempSync(join(scratch, "home-")), "identity");
  const authority = await makeAuthority(1);
  const issued = await issue(authority, 48);
  writeCredentials(directory, { ...issued, authorityPem: authority.certificatePem });
  assert.is(readCredentials(directory, now).identity.address, address);
  const { code, subject } = refusalOf(() => readCredentials(directory, now + 30 * hour));
  assert.equal({ code, subject }, { code: "IDENTITY_EXPIRED", subject: join(directory, "ca.crt") });
});

test("text around the certificates is no harm", async () => {
  const { directory, fileOf } = await makeHome();
  const text = readFileSync(fileOf("certificate"), "utf8");
  writeFileSync(fileOf("certificate"), `subject: a node\r\n${text}`);
  assert.is(readCredentials(directory).identity.address, address);
});
