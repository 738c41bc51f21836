import { Client, credentials, type MethodDefinition, type ServiceError, status } from '@grpc/grpc-js';
import { workerConfig } from '@offramp/cloud-worker';
import { offloadServiceName } from '@offramp/contracts';
import { defineConfig } from '@offramp/runtime';
import type { Command } from 'commander';
import { service } from 'grpc-health-check';
import { configCommand } from '../../config-command.js';
import { healthOptions, reachableAddress, unhealthy } from './health-options.js';

const definition = defineConfig('worker', { listen: workerConfig.shape.listen, ...healthOptions });

export function workerHealthCommand(): Command {
  return configCommand(
    'worker',
    'Check a worker with the health service of gRPC',
    definition,
    async ({ listen, healthTimeoutMs }) => {
      await workerServes(listen, healthTimeoutMs);
      console.log(`the worker at ${listen} serves`);
    },
  );
}

/** @throws OfframpError `UNHEALTHY`, `CONFIG_INVALID` */
async function workerServes(listen: string, timeoutMs: number): Promise<void> {
  const address = reachableAddress(listen);
  const target =
    'socketPath' in address
      ? `unix:${address.socketPath}`
      : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  // A proxy in the environment is not meant for this machine.
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 });
  try {
    const said = await check(client, Date.now() + timeoutMs);
    if (said !== 'SERVING') throw unhealthy('worker', listen, `says ${said}`);
  } catch (error) {
    if (!isServiceError(error)) throw error;
    const problem =
      error.code === status.DEADLINE_EXCEEDED ? ` within ${timeoutMs} ms` : `: ${withoutNote(error.details)}`;
    throw unhealthy('worker', listen, `does not answer${problem}`);
  } finally {
    client.close();
  }
}

/** Removes the note about name resolution that grpc-js appends to its messages. */
const withoutNote = (details: string) => details.replace(/\s*Resolution note:\s*$/, '');

/** @returns a `ServingStatus` of `grpc.health.v1` */
function check(client: Client, deadline: number): Promise<string | undefined> {
  const { path, requestSerialize, responseDeserialize } = service.Check as MethodDefinition<
    { service: string },
    { status?: string }
  >;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      { service: offloadServiceName },
      { deadline },
      (error, response) => (error ? reject(error) : resolve(response?.status)),
    );
  });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error;
}
