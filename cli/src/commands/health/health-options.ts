import { duration, OfframpError, parseListenAddress } from '@offramp/runtime';

/** Options of every health check. The others are the program's own, so that one environment serves both. */
export const healthOptions = {
  healthTimeoutMs: duration({ min: 1 })
    .default(3_000)
    .describe('Milliseconds to wait for the reply of a health check'),
};

/**
 * Where to reach, from the same machine, a server that listens at an address.
 * @throws OfframpError `CONFIG_INVALID` for an address without a fixed port
 */
export function reachableAddress(listen: string): { host: string; port: number } | { socketPath: string } {
  const address = parseListenAddress(listen);
  if ('socketPath' in address) return address;
  if (address.port === 0) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `--listen: expected an address with a port that is known; found ${listen}`,
    );
  }
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.host];
  return { host: loopback ?? address.host, port: address.port };
}

export function unhealthy(program: string, address: string, problem: string): OfframpError {
  return new OfframpError('UNHEALTHY', `the ${program} at ${address} ${problem}`);
}
