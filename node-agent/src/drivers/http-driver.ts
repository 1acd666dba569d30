// HTTP driver: a signed webhook carries the instruction out; the outcome comes with its answer or
// later over the local API.
//
//   W1  The idempotency key is the same over tries, attempts and restarts. A system that has seen
//       it answers as it did before.
//   W2  What the system may know of is withdrawn when it ends otherwise.

import type { JsonValue } from "@cloudbrain/sdk/domain";
import type { InstructionContext, Withdrawal } from "@cloudbrain/sdk/node";
import { Delivery, type Tried } from "./delivery.ts";
import type { Driver, DriverLog } from "./driver.ts";
import { driverLimits } from "./driver-limits.ts";
import { type HttpVerdict, readHttpAnswer } from "./http-answer.ts";
import { HttpPoster, mayHaveArrived, type Post } from "./http-poster.ts";
import { createJsonContract } from "./json-contract.ts";
import { contentDigest, signWebhook } from "./webhook-signature.ts";

export interface HttpDriverOptions {
  readonly capability: string;
  readonly agent: string;
  readonly url: string;
  readonly secret: string;
  readonly ca: string | undefined;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
  /** JSON Schema. */
  readonly output: JsonValue | undefined;
  /** Whether there is a local API for what is answered later. */
  readonly hasApi: boolean;
  readonly log: DriverLog;
}

export function createHttpDriver(options: HttpDriverOptions): Driver {
  const webhook = new Webhook(options);
  return {
    kind: "http",
    contract: createJsonContract(options.capability, options.output),
    run: (input, context) => webhook.deliver(input, context),
    options: {
      concurrency: driverLimits.pendingMax,
      withdrawn: (withdrawal) => webhook.withdraw(withdrawal),
    },
    close: () => webhook.close(),
  };
}

class Webhook {
  private readonly options: HttpDriverOptions;
  private readonly url: URL;
  private readonly cancelUrl: URL;
  private readonly poster: HttpPoster;
  private readonly delivery: Delivery;

  constructor(options: HttpDriverOptions) {
    this.options = options;
    const { url, ca, concurrency, timeoutMs, answerBytesMax, log } = options;
    this.url = new URL(url);
    this.cancelUrl = new URL(url);
    this.cancelUrl.pathname = `${this.url.pathname.replace(/\/$/, "")}/cancel`;
    this.poster = new HttpPoster({ ca, sockets: concurrency, timeoutMs, answerBytesMax });
    const target = this.url.origin;
    this.delivery = new Delivery({ target, requests: concurrency, log, dice: Math.random });
  }

  async deliver(input: unknown, context: InstructionContext): Promise<unknown> {
    const told = this.describe(input, context);
    let isKnown = false;
    const verdict = await this.delivery
      .run(context.signal, async () => {
        return await this.ask(this.makePost(this.url, "instruction", told), context.signal, () => {
          isKnown = true;
        });
      })
      .catch((error: unknown) => {
        // It ends without the system, which may have the instruction (W2).
        if (isKnown) return context.later();
        throw error;
      });
    return this.settle(verdict, context);
  }

  private settle(
    verdict: Exclude<HttpVerdict, { kind: "again" }>,
    context: InstructionContext,
  ): unknown {
    switch (verdict.kind) {
      case "done":
        return verdict.output;
      case "returned":
        return context.reject(verdict.reason);
      case "failed":
        return context.fail(verdict.code, verdict.message, { retryable: verdict.retryable });
      case "later":
        if (this.options.hasApi) return context.later();
        return context.fail(
          "ANSWER_INVALID",
          "it was accepted for a later answer, but the agent has no `api` to take one",
          { retryable: false },
        );
    }
  }

  private async ask(
    post: Post,
    signal: AbortSignal,
    arrived: () => void,
  ): Promise<Tried<Exclude<HttpVerdict, { kind: "again" }>>> {
    try {
      const answer = await this.poster.post(post, signal);
      arrived();
      const verdict = readHttpAnswer(answer, Date.now());
      if (verdict.kind === "again") return { isDone: false, ...verdict };
      return { isDone: true, answer: verdict };
    } catch (error) {
      if (mayHaveArrived(error)) arrived();
      return { isDone: false, why: error instanceof Error ? error.message : String(error) };
    }
  }

  /** Rejects only when the node stops before the system could be told: the next start goes on. */
  async withdraw(withdrawal: Withdrawal): Promise<void> {
    const { idempotencyKey, chainId, stepId, attempt, outcome, reason } = withdrawal;
    const event = `instruction.${outcome}`;
    const { agent, capability, log } = this.options;
    const told = {
      id: idempotencyKey,
      agent,
      chain: chainId,
      step: stepId,
      attempt,
      capability,
      reason,
    };
    const { signal } = withdrawal;
    const verdict = await this.delivery.run(signal, async () => {
      return await this.ask(this.makePost(this.cancelUrl, event, told), signal, () => undefined);
    });
    // The status alone counts: a cancel has no output that could be wrong.
    if (verdict.kind === "failed" && verdict.code !== "ANSWER_INVALID") {
      log("the business system refuses a withdrawal", { id: idempotencyKey, code: verdict.code });
    }
  }

  private describe(input: unknown, context: InstructionContext): ToldFields {
    const { agent, capability } = this.options;
    return {
      id: context.idempotencyKey,
      agent,
      chain: context.chainId,
      step: context.stepId,
      attempt: context.attempt,
      capability,
      ...(context.deadline === undefined ? {} : { deadline: context.deadline.toISOString() }),
      ...(context.heartbeatMs === undefined ? {} : { heartbeatMs: context.heartbeatMs }),
      input,
    };
  }

  /** The time is of this very try, so that an old request can't be sent again by somebody else. */
  private makePost(url: URL, event: string, told: ToldFields): Post {
    const body = JSON.stringify({ event, ...told });
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const key = told.id;
    return {
      url,
      body,
      headers: {
        "content-type": "application/json",
        "content-digest": contentDigest(body),
        "idempotency-key": key,
        "cloudbrain-event": event,
        "cloudbrain-chain": told.chain,
        "cloudbrain-step": told.step,
        "cloudbrain-attempt": String(told.attempt),
        ...(told.deadline === undefined ? {} : { "cloudbrain-deadline": told.deadline }),
        "cloudbrain-timestamp": timestamp,
        "cloudbrain-signature": signWebhook(this.options.secret, { timestamp, event, key, body }),
      },
    };
  }

  close(): void {
    this.poster.close();
  }
}

interface ToldFields {
  readonly id: string;
  readonly agent: string;
  readonly chain: string;
  readonly step: string;
  readonly attempt: number;
  readonly capability: string;
  readonly deadline?: string;
  readonly heartbeatMs?: number;
  readonly input?: unknown;
  readonly reason?: string;
}
