import { Events, type NatsConnection } from 'nats';
import { isLoginRefusal, loginRefused } from './login-refused.js';

export interface ConnectionListener {
  onConnect(): void;
  onDisconnect(): void;
  /** The server says that something is wrong, such as a subject that is not permitted. Told once while it lasts. */
  onProblem?(problem: string): void;
}

/** Tells of every loss and return of a connection to NATS, until it is closed. The first connect is not told. */
export async function watchConnection(bus: NatsConnection, listener: ConnectionListener): Promise<void> {
  let connected = true;
  let problem = '';
  for await (const { type, data } of bus.status()) {
    if (type === Events.Error) {
      const repeated = !connected && problem === String(data);
      problem = String(data);
      if (!repeated) listener.onProblem?.(describe(problem, bus.getServer()));
      continue;
    }
    // nats.js tells of a loss at each refused login, and of as many returns when one succeeds.
    if (type === Events.Disconnect && connected) {
      connected = false;
      listener.onDisconnect();
    } else if (type === Events.Reconnect && !connected) {
      connected = true;
      problem = '';
      listener.onConnect();
    }
  }
}

function describe(problem: string, server: string): string {
  return isLoginRefusal(problem) ? loginRefused(server, problem).message : problem;
}
