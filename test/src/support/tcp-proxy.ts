// TCP proxy: stands between two ends so that a test can cut, freeze, silence or slow their
// connections.

import { connect, createServer, type Server, type Socket } from "node:net";
import { Transform } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

export class TcpProxy {
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private readonly silenced = new Set<Socket>();
  /** Bytes that pass each direction of each connection; without it all pass at once. */
  bytesPerSecond: number | undefined;
  /** How long each byte is on its way, beside its turn on a limited line. */
  delayMs = 0;
  /** New connections are taken and never answered, as by a machine that hangs. */
  isSilent = false;
  /** New connections are reset at once, as where nobody listens. */
  isRefusing = false;
  /** Connections that were ever taken. */
  taken = 0;

  private constructor(target: number) {
    this.server = createServer((near) => this.take(near, target));
  }

  static open(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    return new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", () => resolve(proxy)));
  }

  get port(): number {
    const bound = this.server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  private take(near: Socket, target: number): void {
    this.taken += 1;
    if (this.isRefusing) {
      near.on("error", () => undefined).resetAndDestroy();
      return;
    }
    if (!this.isSilent) {
      this.join(near, connect(target, "127.0.0.1"));
      return;
    }
    this.silenced.add(near);
    near.on("error", () => undefined).on("close", () => this.silenced.delete(near));
    near.resume();
  }

  /** Connections that wait for an answer which will not come. */
  get silencedCount(): number {
    return this.silenced.size;
  }

  private join(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    this.pairs.add(pair);
    const end = (): void => {
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    near.pipe(this.brake()).pipe(far);
    far.pipe(this.brake()).pipe(near);
  }

  /** A line of limited rate: the next piece enters when the last has gone, and arrives later. */
  private brake(): Transform {
    let arrived = Promise.resolve();
    const line = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        const { bytesPerSecond, delayMs } = this;
        if (bytesPerSecond === undefined && delayMs === 0) {
          done(null, chunk);
          return;
        }
        const turnMs = bytesPerSecond === undefined ? 0 : (1_000 * chunk.length) / bytesPerSecond;
        const before = arrived;
        arrived = delay(turnMs + delayMs).then(async () => {
          await before;
          if (!line.destroyed) line.push(chunk);
        });
        setTimeout(done, turnMs);
      },
      flush: (done) => void arrived.then(() => done()),
    });
    return line;
  }

  /** Resets every connection, as a crash of the machine between would. */
  cut(): void {
    for (const [near, far] of this.pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    for (const socket of this.silenced) socket.resetAndDestroy();
  }

  /** Nothing passes any more, and nobody is told. */
  freeze(): void {
    for (const [near, far] of this.pairs) {
      near.unpipe();
      far.unpipe();
      near.pause();
      far.pause();
    }
  }

  close(): void {
    this.server.close();
    this.cut();
  }
}
