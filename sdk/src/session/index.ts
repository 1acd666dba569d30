export * from "./amnesia.ts";
export * from "./link-protocol.ts";
export * from "./session.ts";
