import type { Bundle } from '@offramp/bundle';
import {
  type Clock,
  checkPlainText,
  type LiveFiles,
  type Logger,
  parseListenAddress,
} from '@offramp/runtime';
import type { AgentConfig } from '../config.js';
import type { DeviceCredentials } from './device-tls.js';
import { GrpcConnector } from './grpc-connector.js';
import { OffloadLink } from './offload-link.js';
import { RenewableTransport } from './renewable-transport.js';

const connectTimeoutMs = 2_000;
/** Longer than a round trip. Only with a worker that does not announce its encodings does it take this long. */
const greetingTimeoutMs = 1_000;
/** Nothing waits for an audit. The timeout limits how long it holds its tensors. */
const auditTimeoutMs = 10_000;
const reconnectFirstMs = 100;
/** Including the round trip, a device offloads again two seconds after its worker serves the bundle again. */
const unservedPauseMs = 1_500;

/**
 * The link to the configured worker.
 * @param deviceStages stages that the device runs
 * @throws OfframpError `CONFIG_INVALID` for plain text to another machine, unless the configuration allows it
 * @returns `null` without a worker, or where the device runs all stages
 */
export function createLink(
  config: AgentConfig,
  bundle: Bundle,
  deviceStages: number,
  credentials: LiveFiles<DeviceCredentials> | null,
  clock: Clock,
  random: () => number,
  logger: Logger,
): OffloadLink | null {
  const { stages, labels } = bundle.manifest;
  if (config.cloud === undefined || deviceStages === stages.length) return null;
  if (!credentials) {
    const address = parseListenAddress(config.cloud);
    const hosts = 'socketPath' in address ? [] : [address.host];
    const hint = 'Give --tls-ca to connect over TLS.';
    checkPlainText({ option: '--cloud', hosts, insecure: config.insecure, hint }, logger);
  }
  const connector = new GrpcConnector(
    { address: config.cloud, connectTimeoutMs, greetingTimeoutMs, credentials },
    clock,
  );
  return new OffloadLink(
    {
      maxInFlight: config.maxOffloadsInFlight,
      timeoutMs: config.offloadTimeoutMs,
      auditTimeoutMs,
      reconnectFirstMs,
      reconnectMaxMs: config.reconnectMaxMs,
      unservedPauseMs,
    },
    {
      bundleDigest: bundle.digestBytes,
      labels: labels.length,
      branches: bundle.branches,
      firstExit: deviceStages,
    },
    new RenewableTransport(connector, auditTimeoutMs, clock, logger),
    clock,
    random,
    logger,
  );
}
