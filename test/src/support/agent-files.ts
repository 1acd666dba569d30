// Agent files: the configuration of agents in a directory, with its secrets, and the local REST API
// that they serve by it.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "@cloudbrain/sdk/domain";

/** What HTTP drivers sign with. */
export const secret = "a secret of sixteen characters and more";
const token = "a token of sixteen characters and more";

export interface ApiAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

export class AgentFiles {
  /** agent.yaml. */
  readonly config: string;
  private readonly directory: string;
  private readonly port: number;

  private constructor(directory: string, port: number) {
    this.config = join(directory, "agent.yaml");
    this.directory = directory;
    this.port = port;
  }

  static async prepare(directory: string): Promise<AgentFiles> {
    const files = new AgentFiles(directory, await freePort());
    files.write("webhook.secret", `${secret}\n`);
    files.write("api.token", `${token}\n`);
    return files;
  }

  /** A file beside the configuration. */
  write(name: string, text: string): string {
    const file = join(this.directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  /** Writes agent.yaml: what is given here, and the local API. */
  configure(text: string): void {
    this.write(
      "agent.yaml",
      `drainTimeoutMs: 2000
api: { listen: "127.0.0.1:${this.port}", tokenFile: api.token }
webhook: { secretFile: webhook.secret }
${text}`,
    );
  }

  get apiOrigin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async api(
    method: "GET" | "POST",
    path: string,
    body?: JsonValue | string,
    headers: Readonly<Record<string, string>> = { authorization: `Bearer ${token}` },
  ): Promise<ApiAnswer> {
    const answer = await fetch(`${this.apiOrigin}/v1/${path}`, {
      method,
      headers: { connection: "close", ...headers },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as JsonObject };
  }

  /** Does this to an instruction: `complete`, `return` and so on. */
  async act(id: string, action: string, body: JsonValue | string): Promise<ApiAnswer> {
    return await this.api("POST", `instructions/${encodeURIComponent(id)}/${action}`, body);
  }

  /** Open instructions as the API lists them. */
  async open(state: "running" | "deferred"): Promise<readonly JsonObject[]> {
    const { body } = await this.api("GET", `instructions?state=${state}`);
    return body["instructions"] as readonly JsonObject[];
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
