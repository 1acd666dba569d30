// Webhook signature: how a business system knows that a request is its agent's, new and unchanged.
//
// HMAC-SHA-256 over the canonical bytes: time, event and key, each followed by a full stop, then
// the body as it was sent. docs/agent-drivers.md shows how to verify it.

import { createHash, createHmac } from "node:crypto";

export interface WebhookContent {
  /** Seconds since 1970, as in the header. */
  readonly timestamp: string;
  readonly event: string;
  readonly key: string;
  readonly body: string;
}

export function signWebhook(secret: string, content: WebhookContent): string {
  const { timestamp, event, key, body } = content;
  const signed = `${timestamp}.${event}.${key}.${body}`;
  return `v1=${createHmac("sha256", secret).update(signed, "utf8").digest("hex")}`;
}

/** RFC 9530. */
export function contentDigest(body: string): string {
  return `sha-256=:${createHash("sha256").update(body, "utf8").digest("base64")}:`;
}
