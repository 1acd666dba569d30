// Simulated hub: the real HubKernel in a simulated node, and the calls that clients make to it.

import {
  type HubEvent,
  type HubKernel,
  type HubOutput,
  type HubReply,
  liveTables,
} from "@cloudbrain/hub/kernel";
import type { Address, Hello } from "@cloudbrain/sdk/domain";
import { rowKey } from "@cloudbrain/sdk/internal/journal/keys";
import { decodeCbor } from "@cloudbrain/sdk/internal/journal/record";
import { helloFor, type Session } from "@cloudbrain/sdk/session";
import type { LinkEnd } from "./link-end.ts";
import { createHubKernel } from "./plants.ts";
import { SimNode } from "./sim-node.ts";

const heartbeatMs = 3_000;

type KeyHolder = NonNullable<Extract<HubEvent, { type: "submit" }>["holder"]>;

export class SimHub extends SimNode<HubEvent, HubOutput> {
  protected readonly liveTables = liveTables;
  private readonly waiting = new Map<number, (reply: HubReply) => void>();
  private lastRequest = 0;

  createKernel(): HubKernel {
    return createHubKernel(this.world, this.description);
  }

  /** The kernel of this life; it is always one that `createKernel` made. */
  get hub(): HubKernel {
    return this.kernel as HubKernel;
  }

  sessions(): ReadonlyMap<Address, Session> {
    return this.hub.state.sessions;
  }

  /** A call of a client: answered once what it caused is durable, or never. */
  request(make: (request: number) => HubEvent, answered: (reply: HubReply) => void): void {
    if (!this.isUp) return;
    this.lastRequest += 1;
    const request = this.lastRequest;
    this.waiting.set(request, answered);
    this.submit(make(request));
  }

  /** What the shell looks up in the store before a submit whose key is not in memory. */
  storedHolder(application: string, key: string): KeyHolder | undefined {
    const name = `${application}\u0001${key}`;
    if (this.hub.state.keys.has(name)) return undefined;
    const value = this.disk.read(rowKey("key", name));
    return value === undefined ? undefined : (decodeCbor(value) as KeyHolder);
  }

  protected isDraining(): boolean {
    return this.hub.state.draining;
  }

  override greeted(end: LinkEnd, hello: Hello): void {
    super.greeted(end, hello);
    this.submit({ type: "linkGreeted", link: end.id, hello: helloFor(this.storeId, hello) });
  }

  protected releaseOne(output: HubOutput): void {
    switch (output.type) {
      case "reply": {
        const answered = this.waiting.get(output.request);
        this.waiting.delete(output.request);
        this.world.checkers.replying(this, output.reply);
        answered?.(output.reply);
        return;
      }
      case "welcome":
        this.openLink(output.link, output.session, {
          ...output.welcome,
          title: this.description.title,
          storeId: this.storeId,
          heartbeatMs,
          linkToken: `link-${output.link}`,
        });
        return;
      case "chainChanged":
      case "signalPublished":
      case "taskChanged":
        return;
      default:
        this.releaseShared(output);
    }
  }

  protected override crashed(): void {
    this.waiting.clear();
  }
}
