// Session file: who is signed in at which hub, in `session.json` beside the settings of the user.
//
//   F1  Readable by its owner alone, from the moment it has a name; one that others can read is
//       refused, since its tokens may be theirs by now.
//   F2  A token is shown to the hub that gave it and to no other.

import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { MeshError } from "@cloudbrain/sdk/domain";
import { z } from "zod";
import { type Environment, settingsFile } from "./settings.ts";
import type { Say } from "./texts.ts";

const schema = z.strictObject({
  /** By host:port of the hub. */
  sessions: z.record(
    z.string(),
    z.strictObject({ account: z.string(), token: z.string(), endsAtMs: z.number() }),
  ),
});

type Sessions = z.infer<typeof schema>["sessions"];
export type Session = Sessions[string];

export class SessionFile {
  readonly file: string;
  private readonly say: Say;

  constructor(env: Environment, say: Say) {
    this.file = join(dirname(settingsFile(env)), "session.json");
    this.say = say;
  }

  /** Undefined when nobody is signed in at the hub, or can't be any more. */
  find(hub: string, nowMs: number): Session | undefined {
    const found = this.read()[hub];
    return found !== undefined && found.endsAtMs > nowMs ? found : undefined;
  }

  /** Undefined signs out. Sessions whose time is over go with the next write. */
  async put(hub: string, session: Session | undefined, nowMs: number): Promise<void> {
    const others = Object.entries(this.read()).filter(
      ([name, { endsAtMs }]) => name !== hub && endsAtMs > nowMs,
    );
    const all = session === undefined ? others : [...others, [hub, session]];
    const text = `${JSON.stringify({ sessions: Object.fromEntries(all) }, undefined, 2)}\n`;
    const { writeSecret } = await import("@cloudbrain/sdk/identity");
    writeSecret(this.file, text);
  }

  private read(): Sessions {
    let text: string;
    try {
      text = readFileSync(this.file, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return {};
      return this.refuse("session.unreadable", cause);
    }
    if ((statSync(this.file).mode & 0o077) !== 0) return this.refuse("session.open");
    const parsed = schema.safeParse(readJson(text));
    return parsed.success ? parsed.data.sessions : this.refuse("session.unreadable", parsed.error);
  }

  private refuse(key: "session.unreadable" | "session.open", cause?: unknown): never {
    throw new MeshError("CONFIG_INVALID", { subject: this.file, detail: this.say(key), cause });
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
