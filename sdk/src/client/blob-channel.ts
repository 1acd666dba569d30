// Blob channel: what a hub has of the hub above it, for attachments alone. For hubs; a caller has
// `client.blobs`.

import {
  BlobServiceClient,
  type ServeBlobsRequest,
  type ServeBlobsResponse,
} from "@cloudbrain/proto";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { type Address, type BlobRef, isBlobRef, limits } from "../domain/index.ts";
import type { Credentials } from "../identity/index.ts";
import { type BlobCalls, createBlobCalls } from "./blobs.ts";
import { type CallHost, metadataOf } from "./calls.ts";
import { HubChannel } from "./hub-channel.ts";

export interface BlobChannelOptions {
  /** host:port of the hub above. */
  readonly hub: string;
  /** Its address, which its certificate must name. */
  readonly expected: Address;
  readonly credentials: Credentials;
}

export interface BlobServing {
  /** The blob can't be got. What can be got is put. */
  absent(ref: BlobRef): void;
}

export interface BlobServingHost {
  /** The hub above asks for it. */
  asked(ref: BlobRef): void;
  /** It asks for no more: the call has ended. Called once. */
  ended(): void;
}

export class BlobChannel {
  readonly calls: BlobCalls;
  private readonly host: CallHost;
  private readonly service: BlobServiceClient;

  constructor({ hub, expected, credentials }: BlobChannelOptions) {
    const connectMs = limits.firstStreamMs;
    const channel = new HubChannel({ hub, identity: credentials, expected, connectMs });
    const shared = { channelOverride: channel.channel };
    this.service = new BlobServiceClient(hub, channel.credentials, shared);
    this.host = { hub, channel, timeoutMs: limits.blobTransferMs };
    this.calls = createBlobCalls(this.host, this.service);
  }

  /** Lets the hub above ask. */
  serve({ asked, ended }: BlobServingHost): BlobServing {
    const call: ClientDuplexStream<ServeBlobsRequest, ServeBlobsResponse> = this.service.serveBlobs(
      metadataOf(this.host),
    );
    const untrack = this.host.channel.track(call);
    call.on("data", ({ ref }: ServeBlobsResponse) => {
      if (isBlobRef(ref)) asked(ref);
    });
    call.on("error", () => undefined);
    // Every call has one, however it ends; "close" comes only after a good end.
    call.once("status", () => {
      untrack();
      ended();
    });
    call.write({ absent: "" });
    return {
      absent: (ref) => {
        if (call.writable) call.write({ absent: ref });
      },
    };
  }

  /** Ends what is under way. */
  close(): void {
    this.host.channel.close();
  }
}
