import { type ListenAddress, listenError, removeStaleSocket } from '@offramp/shared';
import type { FastifyInstance } from 'fastify';

/**
 * Listens on a TCP port or a Unix socket. A socket file that a dead process left behind is taken over.
 * @param text the address as the operator wrote it
 * @returns the address in use: `http://host:port` or `unix:/path`
 * @throws OfframpError `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function listen(server: FastifyInstance, address: ListenAddress, text: string): Promise<string> {
  try {
    if (!('socketPath' in address)) return await server.listen({ host: address.host, port: address.port });
    await removeStaleSocket(address.socketPath);
    await server.listen({ path: address.socketPath });
    return `unix:${address.socketPath}`;
  } catch (cause) {
    throw listenError(text, cause);
  }
}
