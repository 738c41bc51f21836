import { duration, OfframpError, parseListenAddress } from '@offramp/runtime';

/** Options of every health check. All others are those of the program, so that both can use one environment. */
export const healthOptions = {
  healthTimeoutMs: duration({ min: 1 })
    .default(3_000)
    .describe('Milliseconds to wait for the reply of a health check'),
};

/**
 * The address at which a server on this machine can be reached, from the address at which it listens.
 * @throws OfframpError `CONFIG_INVALID` for an address without a fixed port
 */
export function reachableAddress(listen: string): { host: string; port: number } | { socketPath: string } {
  const address = parseListenAddress(listen);
  if ('socketPath' in address) return address;
  if (address.port === 0) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--listen: expected an address with a fixed port; found ${listen}`,
    );
  }
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.host];
  return { host: loopback ?? address.host, port: address.port };
}

export function unhealthy(program: string, address: string, problem: string): OfframpError {
  return new OfframpError('UNHEALTHY', `the ${program} at ${address} ${problem}`);
}
