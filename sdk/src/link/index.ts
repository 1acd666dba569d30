export {
  type ClosedReason,
  type DuplexCall,
  Link,
  type LinkCounters,
  type LinkHost,
} from "./link.ts";
export { createLinkDialer, type LinkDialer, type LinkDialerOptions } from "./link-dialer.ts";
export {
  type LinkServer,
  type LinkServerOptions,
  openLinkServer,
  protocolVersion,
} from "./link-server.ts";
