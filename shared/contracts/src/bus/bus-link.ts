import type { Clock, Logger } from '@offramp/runtime';
import { Backoff, messageOf, systemCodeOf } from '@offramp/runtime';
import type { NatsConnection } from 'nats';
import type { BusAccess } from './bus-access.js';
import { connectBus } from './connect.js';
import type { BusParty } from './permissions.js';
import { watchConnection } from './watch-connection.js';

/** Told when the bus comes and goes. */
export interface BusListener {
  /** Connected for the first time, or again: what was subscribed or read before may be out of date. */
  onUp(connection: NatsConnection): void;
  onDown(): void;
}

export interface BusLinkOptions {
  access: BusAccess;
  party: BusParty;
  /** Shown in the server's list of connections. */
  name: string;
}

const firstRetryMs = 250;
const maxRetryMs = 5_000;

/** A connection to NATS that may be absent when the program starts, and at any time later. */
export class BusLink {
  private connection: NatsConnection | null = null;
  private connected = false;
  private everConnected = false;
  /** Of the last attempt to connect for the first time. */
  private failure: string | undefined;
  private closed = false;
  private cancelRetry: () => void = () => undefined;
  private readonly listeners: BusListener[] = [];
  private readonly backoff: Backoff;

  constructor(
    private readonly options: BusLinkOptions,
    private readonly clock: Clock,
    random: () => number,
    private readonly logger: Logger,
  ) {
    this.backoff = new Backoff(firstRetryMs, maxRetryMs, random);
  }

  /** `down` while a connection that once was is away; `never` before the first. */
  get state(): 'up' | 'down' | 'never' {
    return this.connected ? 'up' : this.everConnected ? 'down' : 'never';
  }

  listen(listener: BusListener): void {
    this.listeners.push(listener);
  }

  /** Begins to connect, and goes on in the background. Settles after the first attempt. */
  async start(): Promise<void> {
    if (this.closed) return;
    try {
      const connection = await connectBus(this.options);
      if (this.closed) {
        await connection.close();
        return;
      }
      this.connection = connection;
      void watchConnection(connection, {
        onConnect: () => this.up(connection),
        onDisconnect: () => this.lost(),
        onProblem: (problem) => this.logger.warn({ problem }, 'the NATS server reports an error'),
      });
      this.up(connection);
    } catch (error) {
      if (this.closed) return;
      const code = systemCodeOf(error);
      this.logger[code === this.failure ? 'debug' : 'warn'](
        { reason: messageOf(error) },
        'not connected to NATS; going on without, and trying again',
      );
      this.failure = code;
      this.cancelRetry = this.clock.after(this.backoff.next(), () => void this.start());
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.cancelRetry();
    await this.connection?.close();
  }

  private lost(): void {
    if (this.closed || !this.connected) return;
    this.connected = false;
    this.logger.warn('lost NATS; going on without, and trying again');
    for (const listener of this.listeners) listener.onDown();
  }

  private up(connection: NatsConnection): void {
    if (this.closed) return;
    this.connected = true;
    this.everConnected = true;
    this.logger.info({ server: connection.getServer() }, 'connected to NATS');
    for (const listener of this.listeners) listener.onUp(connection);
  }
}
