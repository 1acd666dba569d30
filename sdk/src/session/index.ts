export * from "./link-protocol.ts";
export * from "./node-events.ts";
export * from "./session.ts";
