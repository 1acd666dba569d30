export * from "./link-protocol.ts";
export * from "./session.ts";
