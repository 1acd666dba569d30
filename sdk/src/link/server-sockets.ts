// Server sockets: the connections of a link server, counted before grpc-js sees them (T5).

import type { Socket } from "node:net";

const connectionsMax = 20_000;
/** Several thousand nodes of one machine, as in the demo, share an address. */
const connectionsPerAddressMax = 10_000;
/** A full handshake costs 1.24 ms of a core: thousands at once need seconds. */
const handshakeMs = 5_000;
/** A ClientHello has more bytes than this; for where sessions can't be seen. */
const helloBytesMin = 200;

type Remote = Pick<Socket, "remoteAddress" | "remotePort">;

export class ServerSockets {
  /** Whether `shakenHands` is called at all. */
  seesSessions = false;
  private readonly sockets = new Set<Socket>();
  private readonly perAddress = new Map<string, number>();
  /** Sockets without a session, by `keyOf`. */
  private readonly waiting = new Map<string, NodeJS.Timeout>();

  /** Whether the socket may go on; otherwise it is destroyed. */
  admit(socket: Socket): boolean {
    socket.on("error", () => undefined);
    const address = socket.remoteAddress ?? "";
    const fromAddress = this.perAddress.get(address) ?? 0;
    if (this.sockets.size >= connectionsMax || fromAddress >= connectionsPerAddressMax) {
      socket.destroy();
      return false;
    }
    this.sockets.add(socket);
    this.perAddress.set(address, fromAddress + 1);
    const key = keyOf(socket);
    const timer = setTimeout(() => {
      if (socket.bytesRead < helloBytesMin || this.seesSessions) socket.destroy();
    }, handshakeMs);
    timer.unref();
    this.waiting.set(key, timer);
    socket.once("close", () => {
      this.settle(key);
      this.sockets.delete(socket);
      const left = (this.perAddress.get(address) ?? 1) - 1;
      if (left > 0) this.perAddress.set(address, left);
      else this.perAddress.delete(address);
    });
    socket.setNoDelay(true);
    return true;
  }

  /** The TLS handshake over this socket is done. */
  shakenHands(socket: Remote): void {
    this.settle(keyOf(socket));
  }

  private settle(key: string): void {
    clearTimeout(this.waiting.get(key));
    this.waiting.delete(key);
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

function keyOf(socket: Remote): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
