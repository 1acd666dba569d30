// Test agent: the kernel of a vendor's node in a test host, and the node's own handlers.

import { type Address, MeshError, parentOf } from "../domain/index.ts";
import { type AgentEvent, AgentKernel, type AgentOutput } from "../kernel/index.ts";
import { ExecutionQueue } from "../node/execution-queue.ts";
import { describeNode } from "../node/node-options.ts";
import type { NodeParts } from "../node/node-parts.ts";
import type { Session } from "../session/index.ts";
import { TestHost } from "./test-host.ts";
import type { TestHub } from "./test-hub.ts";
import type { LinkWorld, TestLinkEnd } from "./test-link.ts";

export interface TestAgentOptions {
  readonly world: LinkWorld;
  readonly address: Address;
  readonly parts: NodeParts;
  readonly parent: TestHub;
  /** A rule of ours is broken: told once, thrown by the next call of the test. */
  readonly failed: (error: unknown) => void;
}

export class TestAgent extends TestHost<AgentEvent, AgentOutput> {
  private readonly kernel: AgentKernel;
  private readonly queue: ExecutionQueue;

  constructor({ world, address, parts, parent, failed }: TestAgentOptions) {
    const { options, handlers, concurrency, complain } = parts;
    const above = parentOf(address);
    if (above === undefined) throw new MeshError("ADDRESS_INVALID", { subject: address });
    const kernel = new AgentKernel({
      address,
      parent: above,
      capabilities: new Set(handlers.keys()),
    });
    const description = describeNode(options, address, handlers.keys());
    super({ world, description, kernel, parent });
    this.kernel = kernel;
    this.queue = new ExecutionQueue({
      handlers,
      concurrency,
      submit: (event) => this.submit(event),
      log: complain,
      failed,
      ended: () => undefined,
    });
  }

  /** Whether a handler is at work. */
  isBusy(): boolean {
    return !this.queue.isIdle();
  }

  stop(reason: string): void {
    this.queue.stop(reason);
  }

  protected sessionOf(): Session {
    return this.kernel.state.session;
  }

  greeted(end: TestLinkEnd): void {
    end.close({ code: "ADDRESS_REFUSED", detail: "an agent has no nodes below", retryAfterMs: 0 });
  }

  protected release(output: AgentOutput): void {
    switch (output.type) {
      case "run":
        this.queue.run(output);
        return;
      case "abort":
        this.queue.abort(output.id, output.reason);
        return;
      default:
        this.releaseShared(output);
    }
  }
}
