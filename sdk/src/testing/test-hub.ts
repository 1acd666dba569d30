// Test hub: a hub's kernel in a test host, and the calls that a test makes to it.

import { createEvaluate, createValidate, createWorkingCalendars } from "../definition/index.ts";
import type { Address, Hello, NodeDescription } from "../domain/index.ts";
import { helloFor, type Session } from "../session/index.ts";
import type {
  TestHubEvent,
  TestHubKernel,
  TestHubKernelClass,
  TestHubOutput,
  TestHubReply,
} from "./hub-contract.ts";
import { TestHost } from "./test-host.ts";
import { type LinkWorld, linkTiming, type TestLinkEnd } from "./test-link.ts";

/** One for all hubs: expressions and schemas are compiled once. */
const evaluate = createEvaluate();
const validate = createValidate();
const { addWorkingTime } = createWorkingCalendars();

export interface TestHubOptions {
  readonly world: LinkWorld;
  readonly hub: TestHubKernelClass;
  readonly description: NodeDescription;
  readonly parent: TestHub | undefined;
}

export class TestHub extends TestHost<TestHubEvent, TestHubOutput> {
  readonly kernel: TestHubKernel;
  private readonly waiting = new Map<number, (reply: TestHubReply) => void>();
  private lastRequest = 0;

  constructor({ world, hub, description, parent }: TestHubOptions) {
    const { address } = description;
    const hasParent = parent !== undefined;
    const kernel = new hub({ address, description, hasParent, evaluate, validate, addWorkingTime });
    super({ world, description, kernel, parent });
    this.kernel = kernel;
  }

  /** Calls back once what the call caused is durable. */
  request(make: (request: number) => TestHubEvent, answered: (reply: TestHubReply) => void): void {
    this.lastRequest += 1;
    this.waiting.set(this.lastRequest, answered);
    this.submit(make(this.lastRequest));
  }

  protected sessionOf(peer: Address): Session | undefined {
    return this.kernel.state.sessions.get(peer);
  }

  greeted(end: TestLinkEnd, hello: Hello): void {
    this.links.set(end.id, end);
    this.submit({ type: "linkGreeted", link: end.id, hello: helloFor(this.storeId, hello) });
  }

  protected release(output: TestHubOutput): void {
    switch (output.type) {
      case "reply": {
        const answered = this.waiting.get(output.request);
        this.waiting.delete(output.request);
        answered?.(output.reply);
        return;
      }
      case "welcome":
        this.openLink(output.link, output.session, {
          ...output.welcome,
          title: this.options.description.title,
          storeId: this.storeId,
          heartbeatMs: linkTiming.heartbeatMs,
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
}
