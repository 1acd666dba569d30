// Commit porter: carries the commits of one life to the simulated disk, and tells the checkers what
// each of them makes durable.

import type { Fact, Kernel } from "@cloudbrain/sdk/domain";
import type { StoreOperation } from "@cloudbrain/sdk/store";
import type { NodeView } from "./node-view.ts";
import type { World } from "./world.ts";

export class CommitPorter<Event, Output> {
  private readonly world: World;
  private readonly node: NodeView;
  private facts: Fact[] = [];
  private underWay = 0;

  constructor(options: {
    readonly world: World;
    readonly node: NodeView;
    readonly kernel: Kernel<Event, Output>;
  }) {
    this.world = options.world;
    this.node = options.node;
    const { kernel } = options;
    const take = kernel.take.bind(kernel);
    kernel.take = () => {
      const decision = take();
      for (const fact of decision.facts) this.facts.push(fact);
      return decision;
    };
  }

  /** Whether all that the kernel has handed out is durable. */
  isIdle(): boolean {
    return this.underWay === 0 && this.facts.length === 0;
  }

  commit(operations: readonly StoreOperation[], done: (error?: unknown) => void): void {
    const { world, node } = this;
    const mark = world.checkers.committing(node, this.facts);
    this.facts = [];
    this.underWay += 1;
    let isTold = false;
    const tell = (error?: unknown): void => {
      if (isTold) return;
      isTold = true;
      done(error);
    };
    node.disk.commit(operations, (error) => {
      this.underWay -= 1;
      if (error === undefined) world.checkers.committed(node, mark);
      world.timeline.note(`${node.address} synced`);
      tell(error);
    });
    // The planted bug: the journal is told before the disk is done.
    if (world.plant === "effects-before-sync") world.timeline.schedule(0, () => tell());
  }
}
