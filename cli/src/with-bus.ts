import { BusAccess, type BusConfig, type BusParty, connectBus } from '@offramp/contracts';
import { createLogger } from '@offramp/runtime';

type Bus = Awaited<ReturnType<typeof connectBus>>;

/**
 * Connects to NATS for the time of a command.
 * @param client shown in the server's list of connections
 * @throws OfframpError what `BusAccess.open`, `connectBus` and `use` throw
 */
export async function withBus(
  config: BusConfig,
  client: { name: string; party: BusParty; timeoutMs?: number },
  use: (bus: Bus) => Promise<void>,
): Promise<void> {
  const access = await BusAccess.open(config, createLogger(client.name, 'warn'));
  try {
    const bus = await connectBus({ access, ...client });
    try {
      await use(bus);
    } finally {
      await bus.close();
    }
  } finally {
    access.close();
  }
}
