// TCP proxy: stands between two ends so that a test can cut, freeze, silence or slow their
// connections.

import { connect, createServer, type Server, type Socket } from "node:net";
import { Transform } from "node:stream";

export class TcpProxy {
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  private readonly silenced = new Set<Socket>();
  /** Bytes that pass a direction each 5 ms; without it all pass at once. */
  bytesPerTick: number | undefined;
  /** New connections are taken and never answered, as by a machine that hangs. */
  isSilent = false;
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

  private brake(): Transform {
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        const { bytesPerTick } = this;
        if (bytesPerTick === undefined) done(null, chunk);
        else setTimeout(() => done(null, chunk), (5 * chunk.length) / bytesPerTick);
      },
    });
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
