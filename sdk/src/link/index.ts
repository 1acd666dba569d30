export { Link } from "./link.ts";
export { createLinkDialer, type LinkDialer, type LinkDialerOptions } from "./link-dialer.ts";
export type {
  CatalogTraffic,
  ClosedReason,
  DuplexCall,
  LinkCounters,
  LinkHost,
} from "./link-host.ts";
export {
  type LinkServer,
  type LinkServerOptions,
  openLinkServer,
  protocolVersion,
} from "./link-server.ts";
