// A business system that clears sites: verifies each request and answers it at once.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const secret = readFileSync(process.env.WEBHOOK_SECRET_FILE ?? "webhook.secret", "utf8").trim();
const cleared = new Map(); // A real system keeps a table with the key as its primary key.

function isGenuine(headers, body) {
  const { "cloudbrain-timestamp": at, "cloudbrain-event": event } = headers;
  const signed = `${at}.${event}.${headers["idempotency-key"]}.${body}`;
  const mac = Buffer.from(`v1=${createHmac("sha256", secret).update(signed).digest("hex")}`);
  const shown = Buffer.from(headers["cloudbrain-signature"] ?? "");
  const isFresh = Math.abs(Date.now() / 1_000 - Number(at)) < 300;
  return isFresh && shown.length === mac.length && timingSafeEqual(shown, mac);
}

const server = createServer(async (request, response) => {
  const answer = (status, value) => response.writeHead(status).end(JSON.stringify(value));
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  if (!isGenuine(request.headers, body)) {
    return answer(401, { code: "SIGNATURE_INVALID", message: "it is not our agent's" });
  }
  const { event, id, input } = JSON.parse(body);
  if (event !== "instruction") return answer(200, {}); // Cancelled or expired: stop the work.
  if (!cleared.has(id)) cleared.set(id, { done: true, site: input.site }); // Work once per key.
  return answer(200, cleared.get(id));
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => console.log("listening"));
