// Catalog calls: many children of one hub, each with a directory in memory and a real link, and a
// client that searches what they have told the hub.

import { join } from "node:path";
import {
  type Catalog,
  CatalogUplink,
  encodeMeta,
  loadCatalog,
  metaKey,
  newMeta,
  OwnEntries,
} from "@cloudbrain/sdk/catalog";
import { type Client, createClient } from "@cloudbrain/sdk/client";
import {
  type Address,
  catalogFeature,
  type Hello,
  limits,
  MeshError,
  parseAddress,
} from "@cloudbrain/sdk/domain";
import { readCredentials } from "@cloudbrain/sdk/identity";
import { createLinkDialer, type Link, type LinkDialer, type LinkHost } from "@cloudbrain/sdk/link";
import { Session } from "@cloudbrain/sdk/session";
import { openMemoryStore } from "@cloudbrain/sdk/store";
import { creditCodeOf, makeResource } from "../support/catalog-entries.ts";
import type { CallTable } from "./bench-calls.ts";
import { catalogChildAddress, hubAddress } from "./credentials.ts";
import { quantile } from "./statistics.ts";

const timing = { heartbeatMs: limits.heartbeatMs, leaseMs: limits.linkLeaseMs };
const subjects = ["积水点", "停车场", "泵站", "视频监控", "空气质量", "公交到站", "学校", "医院"];
const places = ["市南区", "市北区", "李沧区", "崂山区", "城阳区", "黄岛区", "即墨区", "胶州市"];
/** Providers. */
const children = 150;
const stamp = { level: "", division: "", industry: "water", region: "" };

/** About as long as what departments write. */
function makeBenchResource(number: number, round: number) {
  const subject = subjects[number % subjects.length] ?? "";
  const place = places[Math.floor(number / subjects.length) % places.length] ?? "";
  return makeResource(number, {
    provider: { name: `${place}数据中心`, code: creditCodeOf(number % children) },
    name: { zh: `${place}${subject}数据资源${number}`, en: `Resource ${number}` },
    abstract: `${place}范围内${subject}的名称、位置、状态和负责单位，供城市运行管理使用，第${round}次修订`,
  });
}

/** One child: it answers no frame and sends none but its catalog. */
class CatalogSource implements LinkHost {
  messagesOut = 0;
  messagesIn = 0;
  private readonly self: Address;
  private readonly catalog: Catalog;
  private readonly own: OwnEntries;
  private dialer: LinkDialer | undefined;
  private uplink: CatalogUplink | undefined;
  private dials = 0;

  private constructor(self: Address, catalog: Catalog) {
    this.self = self;
    this.catalog = catalog;
    this.own = new OwnEntries(catalog, self, stamp);
  }

  static async open(index: number): Promise<CatalogSource> {
    const store = openMemoryStore();
    const meta = encodeMeta(newMeta(`source-${index}`, Date.now()));
    await store.commit([{ type: "put", key: metaKey, value: meta }], 0);
    const failed = (error: unknown): void => {
      throw error;
    };
    const catalog = await loadCatalog({ store, now: Date.now, failed });
    return new CatalogSource(parseAddress(catalogChildAddress(index)), catalog);
  }

  async publish(first: number, count: number): Promise<void> {
    const works = Array.from({ length: count }, (_, index) =>
      this.own.publish(makeBenchResource(first + index, 0)),
    );
    await Promise.all(works);
  }

  async revise(number: number, round: number): Promise<void> {
    await this.own.update(makeBenchResource(number, round), "");
  }

  dial(target: string, directory: string): void {
    this.dialer = createLinkDialer({
      target,
      credentials: readCredentials(join(directory, "identity")),
      expected: hubAddress,
      self: this.self,
      hello: () => this.hello(),
      host: this,
      timing,
      dice: Math.random,
    });
    this.dialer.start();
  }

  private hello(): Hello {
    this.dials += 1;
    return {
      ...{ protocolMin: 1, protocolMax: 1, features: [catalogFeature] },
      description: {
        ...{ address: this.self, kind: "system", capabilities: [], hub: false, ...stamp },
        ...{ title: { zh: "source" }, version: "bench" },
      },
      ...{ storeId: `${this.self}.${this.dials}`, epoch: 1, dial: this.dials, peerStoreId: "" },
      ...{ positions: [], heartbeatMs: timing.heartbeatMs, draining: false },
    };
  }

  greeted(): void {
    // Only the listening end is greeted.
  }

  welcomed(link: Link): void {
    const uplink = new CatalogUplink({
      catalog: this.catalog,
      wake: () => link.pump(),
      refused: (refusals) => {
        throw new MeshError("DEFECT", { detail: JSON.stringify(refusals[0]) });
      },
      renew: () => Promise.reject(new MeshError("DEFECT", { detail: "an old copy" })),
      failed: (error) => {
        throw error;
      },
    });
    this.uplink = uplink;
    link.attachCatalog({
      hasNext: () => uplink.hasNext(),
      next: () => {
        const message = uplink.next();
        if (message !== undefined) this.messagesOut += 1;
        return message;
      },
      receive: (message) => {
        this.messagesIn += 1;
        uplink.receive(message);
      },
    });
    link.attach(new Session(hubAddress));
  }

  run(): void {
    // What the hub tells is not acted upon.
  }

  acks(): void {
    // Nothing was sent on a lane.
  }

  refusals(): void {
    // Nothing was sent that could be refused.
  }

  closed(): void {
    this.uplink?.close();
    this.uplink = undefined;
  }

  isTold(): boolean {
    return this.uplink?.ackedRev === this.catalog.meta.head;
  }

  async cut(): Promise<void> {
    await this.dialer?.stop({ code: "DRAINING", detail: "cut", retryAfterMs: 0 });
  }
}

const sources: CatalogSource[] = [];
let client: Client | undefined;
let published = 0;

async function untilAllTold(): Promise<void> {
  while (!sources.every((source) => source.isTold())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const catalogCalls: Pick<
  CallTable,
  "openCatalogs" | "growCatalogs" | "linkCatalogs" | "reviseCatalogs" | "searchCatalog"
> = {
  openCatalogs: async ({ count }) => {
    for (let index = 0; index < count; index += 1) sources.push(await CatalogSource.open(index));
    return {};
  },

  growCatalogs: async ({ entries }) => {
    const each = Math.floor(entries / sources.length);
    const startedMs = performance.now();
    for (const source of sources) {
      await source.publish(published, each);
      published += each;
    }
    if (client !== undefined) await untilAllTold();
    return { entries: published, ms: performance.now() - startedMs };
  },

  linkCatalogs: async ({ target, directories, operator }) => {
    const startedMs = performance.now();
    const before = sources.map(({ messagesIn, messagesOut }) => messagesIn + messagesOut);
    await Promise.all(sources.map((source) => source.cut()));
    const dialledMs = performance.now();
    for (const [index, source] of sources.entries()) source.dial(target, directories[index] ?? "");
    await untilAllTold();
    const identity = readCredentials(join(operator, "identity"));
    client ??= createClient({ hub: target, identity, timeoutMs: 60_000 });
    const { entries } = await client.resources.directory();
    const messages = sources.map(
      ({ messagesIn, messagesOut }, index) => messagesIn + messagesOut - (before[index] ?? 0),
    );
    return {
      entries,
      ms: performance.now() - Math.max(startedMs, dialledMs),
      messagesMax: Math.max(...messages),
    };
  },

  reviseCatalogs: async ({ perS, ms }) => {
    const untilMs = performance.now() + ms;
    let revised = 0;
    const each = Math.floor(published / sources.length);
    for (let round = 1; performance.now() < untilMs; round += 1) {
      const dueMs = performance.now() + 100;
      for (let index = 0; index < perS / 10; index += 1) {
        const at = revised % sources.length;
        const number = at * each + (Math.floor(revised / sources.length) % each);
        await sources[at]?.revise(number, round);
        revised += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
    }
    await untilAllTold();
    return { revised };
  },

  searchCatalog: async ({ ms, broad }) => {
    if (client === undefined) throw new MeshError("DEFECT", { detail: "linkCatalogs comes first" });
    const latencies: number[] = [];
    let hits = 0;
    const untilMs = performance.now() + ms;
    for (let number = 7; performance.now() < untilMs; number = (number * 31 + 11) % published) {
      const words = broad ? (subjects[number % subjects.length] ?? "") : `数据资源 ${number}`;
      const startedMs = performance.now();
      const { total } = await client.resources.search(words);
      latencies.push(performance.now() - startedMs);
      hits = Math.max(hits, total);
      if (total === 0) throw new MeshError("DEFECT", { detail: `nothing is found for ${words}` });
    }
    latencies.sort((a, b) => a - b);
    return {
      perS: (latencies.length * 1_000) / ms,
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      hits,
    };
  },
};
