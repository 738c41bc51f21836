import type { TLSSocket } from 'node:tls';
import { Metadata, Server, ServerCredentials, type sendUnaryData, setLogger } from '@grpc/grpc-js';
import { encodingsHeader, formatEncodings } from '@offramp/bundle';
import { type ClassifyResponseInit, offloadService, offloadServiceName } from '@offramp/contracts';
import {
  type Clock,
  type ListenAddress,
  type LiveFiles,
  type Logger,
  listenError,
  OfframpError,
  removeStaleSocket,
  toOfframpError,
  within,
} from '@offramp/runtime';
import { HealthImplementation } from 'grpc-health-check';
import { refusalStatus } from '../admission/refusal.js';
import { Sender } from '../batching/fair-clock.js';
import { Senders } from '../batching/senders.js';
import type { WorkerStats } from '../report/worker-stats.js';
import { SecureListener } from '../tls/secure-listener.js';
import type { WorkerCredentials } from '../tls/worker-tls.js';
import { boundDeadlines } from './call-deadlines.js';
import { type ClassifyCall, classify } from './classify-call.js';
import { deviceOf } from './device-of.js';
import { type Intake, stopping } from './intake.js';
import { addReflection } from './reflection.js';
import { endCall, type ResumeCall, ResumeStream } from './resume-stream.js';

/** Ping a connection that has been silent for this long … */
const keepaliveTimeMs = 30_000;
/** … and close it if there is no answer after this, so that a device without power frees its places. */
const keepaliveTimeoutMs = 10_000;
/** Concurrent calls on one connection. */
const maxCallsPerConnection = 100;
/** Streams of one device: more than it leaves behind by restarts before keepalive ends them. */
const maxStreamsPerDevice = 16;
/** How long connections may take to close after everything is answered. */
const closeGraceMs = 1_000;

export interface GrpcServerOptions {
  listen: ListenAddress;
  /** Size of the largest valid request. */
  maxRequestBytes: number;
  maxStreams: number;
  maxStreamInFlight: number;
  /** `null`: plain text. */
  credentials: LiveFiles<WorkerCredentials> | null;
}

/** The network side of the worker: `Offload`, health and reflection on one address. */
export class GrpcServer {
  /** With the SPIFFE IDs of their devices. */
  private readonly streams = new Map<ResumeStream, string | null>();
  private readonly health = new HealthImplementation();
  /** By SPIFFE ID, or by connection. */
  private readonly senders = new Senders();
  private draining = false;
  private listener: SecureListener | null = null;

  private constructor(
    private readonly server: Server,
    private readonly intake: Intake,
    private readonly options: GrpcServerOptions,
    private readonly stats: WorkerStats,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.setHealth('SERVING');
    this.health.addToServer(server);
    server.addService(offloadService, {
      Resume: (call: ResumeCall) => this.resume(call),
      Classify: (call: ClassifyCall, respond: sendUnaryData<ClassifyResponseInit>) =>
        this.admitClassify(call, respond),
    });
  }

  /**
   * Starts listening.
   * @returns the server, and the address with the actual port
   * @throws OfframpError `PORT_IN_USE`, `LISTEN_FAILED`
   */
  static async start(
    intake: Intake,
    options: GrpcServerOptions,
    stats: WorkerStats,
    clock: Clock,
    logger: Logger,
  ): Promise<{ server: GrpcServer; address: string }> {
    const say = (message?: unknown) => logger.debug({ from: 'grpc-js' }, String(message));
    setLogger({ error: say, info: say, debug: say });
    const grpc = new Server({
      'grpc.max_receive_message_length': options.maxRequestBytes,
      'grpc.max_concurrent_streams': maxCallsPerConnection,
      'grpc.keepalive_time_ms': keepaliveTimeMs,
      'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
      'grpc.enable_channelz': 0,
    });
    const server = new GrpcServer(grpc, intake, options, stats, clock, logger);
    await addReflection(grpc);
    const address = await server.listen();
    boundDeadlines(grpc);
    return { server, address };
  }

  /** Why connections over TLS were refused or ended, and how many. */
  get refusedConnections(): ReadonlyMap<string, number> {
    return this.listener?.refusals.counts ?? new Map();
  }

  /**
   * Reports NOT_SERVING, answers samples in flight, ends every stream, and closes every connection.
   * @param drainMs how long samples in flight may take; the rest is refused
   */
  async stop(drainMs: number): Promise<void> {
    this.draining = true;
    this.setHealth('NOT_SERVING');
    const drained = this.intake.drain();
    for (const stream of this.streams.keys()) stream.finish();
    const finished = Promise.all([drained, ...[...this.streams.keys()].map(({ closed }) => closed)]);
    if (!(await within(finished, drainMs, this.clock))) {
      this.logger.warn({ drainMs, ...this.stats.counts() }, 'some samples were not answered in time');
      this.intake.refuseAll(stopping());
    }
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    this.listener?.stopListening();
    await within(closed, closeGraceMs, this.clock);
    this.server.forceShutdown();
    this.listener?.close();
  }

  /** @returns the address with the actual port */
  private async listen(): Promise<string> {
    const { listen, credentials } = this.options;
    if ('socketPath' in listen) await removeStaleSocket(listen.socketPath);
    if (!credentials) return bind(this.server, listen);
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    const accept = (socket: TLSSocket) => injector.injectConnection(socket);
    this.listener = new SecureListener(credentials, accept, this.clock, this.logger);
    try {
      const port = await this.listener.listen(listen);
      return formatAddress('socketPath' in listen ? listen : { ...listen, port: port ?? listen.port });
    } catch (cause) {
      this.listener.close();
      throw listenError(formatAddress(listen), cause);
    }
  }

  private admitClassify(call: ClassifyCall, respond: sendUnaryData<ClassifyResponseInit>): void {
    try {
      const key = deviceOf(call, this.options.credentials) ?? call.getPeer();
      classify(call, respond, this.intake, this.senders, key);
    } catch (error) {
      respond(refusalStatus(toOfframpError(error)));
    }
  }

  private resume(call: ResumeCall): void {
    const { maxStreamInFlight, credentials } = this.options;
    let device: string | null = null;
    try {
      if (this.draining) throw stopping();
      device = deviceOf(call, credentials);
      this.checkRoom(device);
    } catch (error) {
      endCall(call, toOfframpError(error));
      return;
    }
    const sender = device === null ? new Sender() : this.senders.take(device);
    const stream = new ResumeStream(call, this.intake, sender, maxStreamInFlight, this.logger);
    const greeting = new Metadata();
    greeting.set(encodingsHeader, formatEncodings());
    call.sendMetadata(greeting);
    const client = device ?? call.getPeer();
    this.logger.debug({ client }, 'stream opened');
    this.streams.set(stream, device);
    this.stats.onStreamOpened();
    void stream.closed.then(() => {
      if (device !== null) this.senders.release(device);
      this.streams.delete(stream);
      this.stats.onStreamClosed();
      this.logger.debug({ client }, 'stream closed');
    });
  }

  /** @throws OfframpError `OVERLOADED`: no further stream may be opened */
  private checkRoom(device: string | null): void {
    const { maxStreams } = this.options;
    if (this.streams.size >= maxStreams) throw tooMany(`all ${maxStreams} streams are taken`);
    if (device === null) return;
    const own = [...this.streams.values()].filter((other) => other === device);
    if (own.length >= maxStreamsPerDevice) {
      throw tooMany(`all ${maxStreamsPerDevice} streams of ${device} are taken`);
    }
  }

  private setHealth(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const service of ['', offloadServiceName]) this.health.setStatus(service, status);
  }
}

const tooMany = (message: string) => new OfframpError('OVERLOADED', message, { retryAfterMs: closeGraceMs });

/** @returns the address with the actual port */
function bind(grpc: Server, listen: ListenAddress): Promise<string> {
  const target = formatAddress(listen);
  return new Promise((resolve, reject) => {
    grpc.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(listenError(target, error));
      else resolve(formatAddress('socketPath' in listen ? listen : { ...listen, port }));
    });
  });
}

function formatAddress(address: ListenAddress): string {
  if ('socketPath' in address) return `unix:${address.socketPath}`;
  const { host, port } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
