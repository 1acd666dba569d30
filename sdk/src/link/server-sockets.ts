// Server sockets: the connections of a link server, counted before grpc-js sees them (T5).

import type { Socket } from "node:net";
import { limits } from "../domain/index.ts";
import { Patience } from "./patience.ts";

/** A ClientHello has more bytes than this; for where sessions can't be seen. */
const helloBytesMin = 200;

type Remote = Pick<Socket, "remoteAddress" | "remotePort">;

export class ServerSockets {
  /** Whether `shakenHands` is called at all. */
  seesSessions = false;
  private readonly sockets = new Set<Socket>();
  private readonly perAddress = new Map<string, number>();
  /** Sockets without a session, by `keyOf`. */
  private readonly waiting = new Map<string, Patience>();
  private readonly handshakeMs: number;

  constructor(handshakeMs: number) {
    this.handshakeMs = handshakeMs;
  }

  get size(): number {
    return this.sockets.size;
  }

  /** Whether the socket may go on; otherwise it is destroyed. */
  admit(socket: Socket): boolean {
    socket.on("error", () => undefined);
    const address = socket.remoteAddress ?? "";
    const fromAddress = this.perAddress.get(address) ?? 0;
    const isFull = this.sockets.size >= limits.connectionsMax;
    if (isFull || fromAddress >= limits.connectionsPerAddressMax) {
      socket.destroy();
      return false;
    }
    this.sockets.add(socket);
    this.perAddress.set(address, fromAddress + 1);
    const key = keyOf(socket);
    const patience = new Patience(this.handshakeMs, () => {
      if (socket.bytesRead < helloBytesMin || this.seesSessions) socket.destroy();
    });
    this.waiting.set(key, patience);
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
    this.waiting.get(key)?.end();
    this.waiting.delete(key);
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

function keyOf(socket: Remote): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}
