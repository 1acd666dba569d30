// Watched credentials: lets whoever dials see the sockets that grpc-js opens. grpc-js has no limit
// on a TLS handshake: behind a hub that accepts and stays silent a channel would connect for ever,
// and its socket would stay. Nor does it notice that a socket was destroyed during the handshake.

import type { Socket } from "node:net";
import {
  type CallCredentials,
  ChannelCredentials,
  type ChannelOptions,
  type experimental,
} from "@grpc/grpc-js";

export class WatchedCredentials extends ChannelCredentials {
  private readonly inner: ChannelCredentials;
  private readonly onSocket: (socket: Socket) => void;

  /** `inner` may be shared: its TLS context is the costly part. */
  constructor(inner: ChannelCredentials, onSocket: (socket: Socket) => void) {
    super();
    this.inner = inner;
    this.onSocket = onSocket;
  }

  override _isSecure(): boolean {
    return this.inner._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    target: experimental.GrpcUri,
    options: ChannelOptions,
    credentials?: CallCredentials,
  ): experimental.SecureConnector {
    const connector = this.inner._createSecureConnector(target, options, credentials);
    return {
      connect: (socket) => {
        this.onSocket(socket);
        return new Promise((resolve, reject) => {
          const detail = "the connection ended before its handshake was done";
          socket.once("close", () => reject(new Error(detail)));
          connector.connect(socket).then(resolve, reject);
        });
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  }
}
