import { Events, type NatsConnection } from 'nats';

export interface ConnectionListener {
  onConnect(): void;
  onDisconnect(): void;
  /** The server says that something is wrong, such as a subject that is not permitted. */
  onProblem?(problem: string): void;
}

/** Tells of every loss and return of a connection to NATS, until it is closed. The first connect is not told. */
export async function watchConnection(bus: NatsConnection, listener: ConnectionListener): Promise<void> {
  for await (const { type, data } of bus.status()) {
    if (type === Events.Disconnect) listener.onDisconnect();
    else if (type === Events.Reconnect) listener.onConnect();
    else if (type === Events.Error) listener.onProblem?.(String(data));
  }
}
