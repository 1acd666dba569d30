// `cloudbrain resource`: the directory of digital resources (数字资源目录).

import { extname } from "node:path";
import { exitCodes } from "@cloudbrain/sdk/cli";
import type {
  Client,
  ResourceFacet,
  ResourceFilter,
  ResourceInfo,
  ResourceSearch,
} from "@cloudbrain/sdk/client";
import { formatDiagnostic, parseResourceCsv, parseResourceYaml } from "@cloudbrain/sdk/definition";
import { isMeshError } from "@cloudbrain/sdk/domain";
import type { Command } from "commander";
import type { CommandHost } from "./command-host.ts";
import { addExamples } from "./help.ts";
import { takeFirst } from "./lists.ts";
import { describeResource, formatFacets, resourceColumns } from "./resource-views.ts";
import { readChoice, readCount, readTextFile } from "./usage.ts";
import { collect } from "./user-flags.ts";

const resourcesDefault = 100;
const hitsDefault = 20;
const kinds = ["infrastructure", "data", "component", "application"] as const;
const states = ["draft", "published", "suspended"] as const;
const orders = ["relevance", "name", "published"] as const;
const facetFlags = ["industry", "region", "level", "sharing", "provider", "cycle"] as const;

interface ListFlags extends ResourceFilter {
  readonly limit?: number;
}

interface SearchFlags extends Partial<Record<ResourceFacet, readonly string[]>> {
  readonly area?: string;
  readonly order?: NonNullable<ResourceSearch["order"]>;
  readonly limit?: number;
  readonly page?: string;
}

export function addResourceCommands(resource: Command, host: CommandHost): void {
  addExamples(
    resource,
    "cloudbrain resource publish resources.yaml",
    "cloudbrain resource search 积水点 --kind data",
    "cloudbrain resource show 307010100/000001",
  );
  addPublishing(resource, host);
  addReading(resource, host);
}

function addPublishing(resource: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(
    resource.command("publish"),
    "cloudbrain resource publish resources.yaml",
    "cloudbrain resource publish catalog.csv --replace",
    "cloudbrain resource publish catalog.csv --check",
  )
    .description(say("about.resource.publish"))
    .argument("<file...>", say("argument.resource.file"))
    .option("--replace", say("option.resource.replace"))
    .option("--check", say("option.resource.check"))
    .action((files: readonly string[], flags: PublishFlags, command: Command) =>
      publish(host, files, flags, command),
    );
  addExamples(resource.command("suspend"), "cloudbrain resource suspend 307010100/000001")
    .description(say("about.resource.suspend"))
    .argument("<code>", say("argument.resource.code"))
    .action((code: string, _flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const changed = await client.resources.suspend(code, "", { signal });
        output.result(changed, say("resource.suspended", { code }));
      }),
    );
  addExamples(resource.command("withdraw"), "cloudbrain resource withdraw 307010100/000001")
    .description(say("about.resource.withdraw"))
    .argument("<code>", say("argument.resource.code"))
    .action((code: string, _flags: object, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        await client.resources.withdraw(code, "", { signal });
        output.result({ code }, say("resource.withdrawn", { code }));
      }),
    );
}

function addReading(resource: Command, host: CommandHost): void {
  const { say } = host;
  addExamples(resource.command("ls"), "cloudbrain resource ls --code 307 --area /3702/370202")
    .description(say("about.resource.ls"))
    .option("--code <prefix>", say("option.resource.code"))
    .option("--area <address>", say("option.resource.area"))
    .option("--kind <kind>", say("option.resource.kind", { kinds: kinds.join(", ") }), (text) =>
      readChoice(say, "--kind", text, kinds),
    )
    .option("--state <state>", say("option.resource.state"), (text) =>
      readChoice(say, "--state", text, states),
    )
    .option("--limit <count>", say("option.limit", { default: resourcesDefault }), (text) =>
      readCount(say, "--limit", text),
    )
    .action((flags: ListFlags & { readonly code?: string }, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const { limit = resourcesDefault, code, ...filter } = flags;
        const wanted = { ...filter, codePrefix: code };
        const found = await takeFirst(client.resources.list(wanted, { signal }), limit);
        output.table(resourceColumns(host, output.lang), found.items, "resources");
        if (found.hasMore) output.note(say("list.more"));
      }),
    );
  addSearch(resource, host);
  addExamples(resource.command("show"), "cloudbrain resource show 307010100/000001 --json")
    .description(say("about.resource.show"))
    .argument("<code>", say("argument.resource.code"))
    .option("--owner <address>", say("option.resource.owner"))
    .action((code: string, flags: { readonly owner?: string }, command: Command) =>
      host.withClient(command, async (client, output, { signal }) => {
        const found = await client.resources.get(code, flags.owner, { signal });
        output.result(found, describeResource(host, found, output.lang));
      }),
    );
}

function addSearch(resource: Command, host: CommandHost): void {
  const { say } = host;
  const search = resource.command("search");
  addExamples(
    search,
    "cloudbrain resource search 积水点 --kind data --sharing unconditional",
    "cloudbrain resource search parking --order published --json | jq .total",
  )
    .description(say("about.resource.search"))
    .argument("[words...]", say("argument.resource.words"))
    .option(
      "--kind <kind>",
      say("option.resource.kind", { kinds: kinds.join(", ") }),
      collect((text) => readChoice(say, "--kind", text, kinds)),
    );
  for (const facet of facetFlags) {
    const about = say("option.resource.facet", { facet });
    search.option(
      `--${facet} <value>`,
      about,
      collect((text) => text),
    );
  }
  search
    .option("--area <address>", say("option.resource.area"))
    .option("--order <order>", say("option.resource.order"), (text) =>
      readChoice(say, "--order", text, orders),
    )
    .option("--limit <count>", say("option.limit", { default: hitsDefault }), (text) =>
      readCount(say, "--limit", text),
    )
    .option("--page <token>", say("option.resource.page"))
    .action((words: readonly string[], flags: SearchFlags, command: Command) =>
      searchFor(host, words.join(" "), flags, command),
    );
}

async function searchFor(
  host: CommandHost,
  words: string,
  { area, order, limit = hitsDefault, page, ...facets }: SearchFlags,
  command: Command,
): Promise<void> {
  await host.withClient(command, async (client, output, { signal }) => {
    const options = { area, order, page, facets, pageSize: limit, signal };
    const found = await client.resources.search(words, options);
    if (output.json) {
      output.result(found);
      return;
    }
    output.table(resourceColumns(host, output.lang), found.hits, "resources");
    output.note(host.say("resource.total", { count: found.total }));
    const facetLines = formatFacets(host, found.facets);
    if (facetLines !== "") output.note(facetLines);
    if (found.nextPage !== "") output.note(host.say("resource.next", { token: found.nextPage }));
    if (found.didYouMean !== "") {
      output.note(host.say("resource.didYouMean", { words: found.didYouMean }));
    }
  });
}

interface PublishFlags {
  readonly replace?: boolean;
  readonly check?: boolean;
}

async function publish(
  host: CommandHost,
  files: readonly string[],
  { replace = false, check = false }: PublishFlags,
  command: Command,
): Promise<void> {
  const output = host.outputOf(command);
  const read = files.map((file) => {
    const text = readTextFile(host.say, file);
    const name = file === "-" ? "stdin" : file;
    const parse = extname(file).toLowerCase() === ".csv" ? parseResourceCsv : parseResourceYaml;
    return parse(text, name);
  });
  const diagnostics = read.flatMap((it) => it.diagnostics);
  const resources = read.flatMap((it) => it.resources);
  // Nothing is published of files that are not sound: half of a catalog helps nobody.
  if (diagnostics.length > 0) {
    if (output.json) output.result({ diagnostics });
    else for (const it of diagnostics) output.item(it, formatDiagnostic(it));
    process.exitCode = exitCodes.usage;
    return;
  }
  if (check) {
    output.result(
      { resources: resources.length },
      host.say("resource.sound", { count: resources.length }),
    );
    return;
  }
  await host.withClient(command, async (client, out, { signal }) => {
    const published: ResourceInfo[] = [];
    for (const description of resources) {
      out.progress(`${published.length} / ${resources.length}`);
      published.push(await publishOne(client, description, replace, signal));
    }
    const told = host.say("resource.published", { count: published.length });
    out.result(
      { resources: published.map(({ entry, etag }) => ({ code: entry.code, etag })) },
      told,
    );
  });
}

async function publishOne(
  { resources }: Client,
  description: Parameters<Client["resources"]["publish"]>[0],
  replace: boolean,
  signal: AbortSignal,
): Promise<ResourceInfo> {
  try {
    return await resources.publish(description, { signal });
  } catch (error) {
    if (!replace || !isMeshError(error) || error.code !== "RESOURCE_EXISTS") throw error;
    return await resources.update(description, "", { signal });
  }
}
