// Options of grpc-js for links, each with its reason. Figures were measured with grpc-js 1.14.7.

import type { ChannelOptions } from "@grpc/grpc-js";
import { limits } from "../domain/index.ts";

/** A batch and its framing; a declared larger message is refused before it is buffered. */
const receiveBytesMax = limits.batchBytesMax + 64 * 1024;

export const dialerOptions: ChannelOptions = {
  // Without it a write "succeeds" up to 1 MiB per call before anything is on the wire.
  "grpc.per_rpc_retry_buffer_size": 0,
  // A link is a stream: it is redialled by us, never retried by the channel.
  "grpc.enable_retries": 0,
  // 64 KiB a round trip would bound a link with 50 ms delay to 1.3 MB/s.
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  // The backstop for half-open connections; our own heartbeats are finer.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  // Two links with the same target must not share a connection: one would end with the other.
  "grpc.use_local_subchannel_pool": 1,
  // Counters per message that nobody reads.
  "grpc.enable_channelz": 0,
  // A channel lives for one attempt; until it is closed it must not dial a second time.
  "grpc.initial_reconnect_backoff_ms": 30_000,
  "grpc.max_reconnect_backoff_ms": 30_000,
  "grpc.max_receive_message_length": receiveBytesMax,
  "grpc.max_send_message_length": receiveBytesMax,
  // No TXT look-ups for service configuration.
  "grpc.service_config_disable_resolution": 1,
};

export const serverOptions: ChannelOptions = {
  "grpc.max_receive_message_length": receiveBytesMax,
  "grpc.max_send_message_length": receiveBytesMax,
  // A link has two streams; callers of the API on one connection may have many calls in flight.
  "grpc.max_concurrent_streams": 1_000,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.enable_channelz": 0,
};
