import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '@offramp/runtime';
import { type LinkShape, LinkShaper } from './link-shaper.js';

export interface ShapedProxyOptions {
  /** Where connections lead. */
  target: { host: string; port: number };
  /** From whoever connects to the target. */
  up: LinkShape;
  /** And back. */
  down: LinkShape;
  clock?: Clock;
}

/** Bytes travel in pieces of a packet's size, so that a large write does not arrive all at its end. */
const packetBytes = 1_448;
/** Bytes on the way of one direction of a connection, at most; beyond that its sender is not read. */
const maxTravellingBytes = 256 * 2 ** 10;

/**
 * A TCP proxy that behaves like a link: delay and bandwidth each way, shared by all connections through it, and
 * loss of connection. The delay of the handshake is left out.
 */
export class ShapedProxy {
  /** Bytes that have arrived. */
  readonly transferred = { up: 0, down: 0 };
  /** Per connection, how to lose it. */
  private readonly pairs = new Set<() => void>();
  private down = false;

  private constructor(
    private readonly server: Server,
    private readonly options: ShapedProxyOptions,
    private readonly clock: Clock,
    private readonly upLink: LinkShaper,
    private readonly downLink: LinkShaper,
  ) {
    server.on('connection', (near) => this.join(near));
  }

  static async start(options: ShapedProxyOptions): Promise<ShapedProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const links = [new LinkShaper(options.up), new LinkShaper(options.down)] as const;
    const proxy = new ShapedProxy(server, options, options.clock ?? systemClock, ...links);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** `host:port` */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.pairs.size;
  }

  /** Loses all connections, with what is on the way, and every new one, until {@link restore}. */
  cut(): void {
    this.down = true;
    for (const lose of this.pairs) lose();
  }

  restore(): void {
    this.down = false;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.cut();
    await closed;
  }

  private join(near: Socket): void {
    if (this.down) {
      near.resetAndDestroy();
      return;
    }
    const far = connect({ ...this.options.target, allowHalfOpen: true, noDelay: true });
    const stop = [this.carry(near, far, this.upLink, 'up'), this.carry(far, near, this.downLink, 'down')];
    const lose = () => {
      this.pairs.delete(lose);
      for (const cancel of stop) cancel();
      near.resetAndDestroy();
      far.resetAndDestroy();
    };
    this.pairs.add(lose);
    for (const socket of [near, far]) {
      socket.on('error', lose);
      // One that has ended both ways may be closed while its last bytes still travel to the other.
      socket.on('close', () => {
        if (near.destroyed && far.destroyed) lose();
      });
    }
  }

  /** @returns to give up what is on the way */
  private carry(from: Socket, to: Socket, link: LinkShaper, direction: 'up' | 'down'): () => void {
    const travelling: { arrivesAt: number; bytes: Buffer | null }[] = [];
    let travellingBytes = 0;
    let cancel: (() => void) | null = null;
    const deliver = () => {
      cancel = null;
      const now = this.clock.now();
      for (let next = travelling[0]; next && next.arrivesAt <= now; next = travelling[0]) {
        travelling.shift();
        if (next.bytes === null) {
          to.end();
          continue;
        }
        travellingBytes -= next.bytes.length;
        this.transferred[direction] += next.bytes.length;
        to.write(next.bytes);
      }
      if (travellingBytes < maxTravellingBytes && from.isPaused()) from.resume();
      wait();
    };
    const wait = () => {
      const next = travelling[0];
      if (next && !cancel) cancel = this.clock.after(Math.max(0, next.arrivesAt - this.clock.now()), deliver);
    };
    from.on('data', (chunk: Buffer) => {
      const now = this.clock.now();
      for (let at = 0; at < chunk.length; at += packetBytes) {
        const bytes = chunk.subarray(at, at + packetBytes);
        travelling.push({ arrivesAt: link.transmit(bytes.length, now), bytes });
      }
      travellingBytes += chunk.length;
      if (travellingBytes >= maxTravellingBytes) from.pause();
      wait();
    });
    from.on('end', () => {
      travelling.push({ arrivesAt: link.transmit(0, this.clock.now()), bytes: null });
      wait();
    });
    return () => {
      cancel?.();
      travelling.length = 0;
    };
  }
}
