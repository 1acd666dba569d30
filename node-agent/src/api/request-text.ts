// Request text: the body of a request as text, never more of it than is allowed.

export type ReadText =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly code: "PAYLOAD_TOO_LARGE" | "INPUT_INVALID";
      readonly why: string;
    };

export async function readText(request: Request, bytesMax: number): Promise<ReadText> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    if (bytes > bytesMax) {
      return {
        ok: false,
        code: "PAYLOAD_TOO_LARGE",
        why: `the body has more than ${bytesMax} bytes`,
      };
    }
    parts.push(part);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
    return { ok: true, text };
  } catch {
    return { ok: false, code: "INPUT_INVALID", why: "the body is no UTF-8" };
  }
}
