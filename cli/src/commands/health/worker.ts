import { createSecureContext } from 'node:tls';
import {
  type ChannelCredentials,
  Client,
  credentials,
  type MethodDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { openWorkerCredentials, workerConfig } from '@offramp/cloud-worker';
import { offloadServiceName, type TlsPaths } from '@offramp/contracts';
import { createLogger, defineConfig, systemClock } from '@offramp/runtime';
import type { Command } from 'commander';
import { service } from 'grpc-health-check';
import { configCommand } from '../../config-command.js';
import { healthOptions, reachableAddress, unhealthy } from './health-options.js';

const { listen, tlsCert, tlsKey, tlsCa } = workerConfig.shape;
const definition = defineConfig('worker', { listen, tlsCert, tlsKey, tlsCa, ...healthOptions });

export function workerHealthCommand(): Command {
  return configCommand(
    'worker',
    'Check a worker with the health service of gRPC',
    definition,
    async ({ listen, healthTimeoutMs, ...paths }) => {
      await workerServes(listen, paths, healthTimeoutMs);
      console.log(`the worker at ${listen} serves`);
    },
  );
}

/** @throws OfframpError `UNHEALTHY`, `CONFIG_INVALID`, and for credentials what the worker throws */
async function workerServes(listen: string, paths: TlsPaths, timeoutMs: number): Promise<void> {
  const address = reachableAddress(listen);
  const target =
    'socketPath' in address
      ? `unix:${address.socketPath}`
      : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  const secured = await channelCredentials(paths);
  // A proxy in the environment is not meant for this machine. A name instead of an IP address avoids a warning of Node.js.
  const client = new Client(target, secured, {
    'grpc.enable_http_proxy': 0,
    'grpc.ssl_target_name_override': 'localhost',
  });
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

/** With the worker's own certificate, which a worker accepts for its health alone. */
async function channelCredentials(paths: TlsPaths): Promise<ChannelCredentials> {
  const live = await openWorkerCredentials(paths, systemClock, createLogger('health', 'silent'));
  if (!live) return credentials.createInsecure();
  live.close();
  const { own, mutual } = live.value;
  const context = createSecureContext({
    cert: own.chain,
    key: own.key,
    ...(mutual ? { ca: mutual.trust.pem } : {}),
  });
  // The worker is on this machine, and its certificate need not name the machine.
  return credentials.createFromSecureContext(context, {
    rejectUnauthorized: mutual !== null,
    checkServerIdentity: () => undefined,
  });
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
