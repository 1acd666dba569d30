// Counting kernel: the smallest kernel there is. It adds up what it is told and remembers when.

import type { Decision, Fact, Kernel, Row } from "@cloudbrain/sdk/domain";

export type CountingEvent =
  | { readonly type: "started"; readonly epoch: number }
  | { readonly type: "add"; readonly n: number }
  | { readonly type: "look" };

interface Added extends Fact {
  readonly t: "added";
  readonly n: number;
}

export class CountingKernel implements Kernel<CountingEvent, string> {
  sum = 0;
  /** Journal time of every addition since the last checkpoint that was read. */
  times: number[] = [];
  epoch = 0;
  evictions = 0;
  isRecovered = false;
  private facts: Added[] = [];
  private outputs: string[] = [];
  private early: string[] = [];
  private isDirty = false;

  step(event: CountingEvent, nowMs: number): void {
    if (event.type === "started") {
      this.epoch = event.epoch;
      return;
    }
    if (event.type === "look") {
      this.outputs.push(`sum is ${this.sum}`);
      return;
    }
    const fact = { t: "added", n: event.n } as const;
    this.facts.push(fact);
    this.apply(fact, nowMs);
    this.early.push(`adding ${event.n}`);
    this.outputs.push(`added ${event.n}`);
  }

  takeEarly(): readonly string[] {
    return this.early.splice(0);
  }
  waitingFacts(): number {
    return this.facts.length;
  }
  take(): Decision<string> {
    return { facts: this.facts.splice(0), outputs: this.outputs.splice(0), marks: [] };
  }
  committed(): void {
    // It has no session.
  }
  wakeAtMs(): undefined {
    return undefined;
  }
  apply(fact: Fact, atMs: number): void {
    this.sum += (fact as Added).n;
    this.times.push(atMs);
    this.isDirty = true;
  }
  checkpoint(): readonly Row[] {
    if (!this.isDirty) return [];
    this.isDirty = false;
    return this.dump();
  }
  evict(): void {
    this.evictions += 1;
  }
  restore(row: Row): void {
    this.sum = row.value as number;
  }
  recovered(): void {
    this.isRecovered = true;
  }
  dump(): readonly Row[] {
    return [{ table: "sum", key: "all", value: this.sum }];
  }
}
