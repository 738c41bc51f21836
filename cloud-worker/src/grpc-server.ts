import { Metadata, Server, ServerCredentials, type sendUnaryData, setLogger } from '@grpc/grpc-js';
import {
  type ClassifyResponse,
  type Clock,
  encodingsHeader,
  formatEncodings,
  type ListenAddress,
  type Logger,
  listenError,
  OfframpError,
  offloadService,
  offloadServiceName,
  removeStaleSocket,
} from '@offramp/shared';
import { HealthImplementation } from 'grpc-health-check';
import { type ClassifyCall, classify } from './classify-call.js';
import type { Sender } from './fair-clock.js';
import { type Intake, stopping } from './intake.js';
import { addReflection } from './reflection.js';
import { type ResumeCall, ResumeStream } from './resume-stream.js';
import type { WorkerStats } from './worker-stats.js';

/** Ping a connection on which nothing has come for this long … */
const keepaliveTimeMs = 30_000;
/** … and give it up without an answer after this: a device that lost its power frees its places. */
const keepaliveTimeoutMs = 10_000;
/** Calls at once on one connection. */
const maxCallsPerConnection = 100;
/** How long connections may take to close once everything is answered. */
const closeGraceMs = 1_000;

export interface GrpcServerOptions {
  listen: ListenAddress;
  /** Size of the largest request that can be right. */
  maxRequestBytes: number;
  maxStreams: number;
  maxStreamInFlight: number;
}

/** The network side of the worker: `Offload`, health and reflection on one address. */
export class GrpcServer {
  private readonly streams = new Set<ResumeStream>();
  private readonly health = new HealthImplementation();
  private readonly classifying = new Map<string, Sender>();
  private draining = false;

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
      Classify: (call: ClassifyCall, respond: sendUnaryData<ClassifyResponse>) =>
        classify(call, respond, intake, this.classifying),
    });
  }

  /**
   * Starts to listen.
   * @returns the server, and the address with the port that it got
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
    return { server, address: await bind(grpc, options.listen) };
  }

  /**
   * Says that it is going, answers what is in flight, ends every stream, closes every connection.
   * @param drainMs how long what is in flight may take; what is left then is refused
   */
  async stop(drainMs: number): Promise<void> {
    this.draining = true;
    this.setHealth('NOT_SERVING');
    const drained = this.intake.drain();
    for (const stream of this.streams) stream.finish();
    const finished = Promise.all([drained, ...[...this.streams].map(({ closed }) => closed)]);
    if (!(await this.within(drainMs, finished))) {
      this.logger.warn({ drainMs, ...this.stats.counts() }, 'not everything was answered in time');
      this.intake.refuseAll(stopping());
    }
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    await this.within(closeGraceMs, closed);
    this.server.forceShutdown();
  }

  private resume(call: ResumeCall): void {
    const stream = new ResumeStream(call, this.intake, this.options.maxStreamInFlight, this.logger);
    if (this.draining) {
      stream.fail(stopping());
      return;
    }
    if (this.streams.size >= this.options.maxStreams) {
      stream.fail(
        new OfframpError('OVERLOADED', `all ${this.options.maxStreams} streams are taken`, {
          retryAfterMs: closeGraceMs,
        }),
      );
      return;
    }
    const greeting = new Metadata();
    greeting.set(encodingsHeader, formatEncodings());
    call.sendMetadata(greeting);
    const peer = call.getPeer();
    this.logger.debug({ peer }, 'stream opened');
    this.streams.add(stream);
    this.stats.onStreamOpened();
    void stream.closed.then(() => {
      this.streams.delete(stream);
      this.stats.onStreamClosed();
      this.logger.debug({ peer }, 'stream closed');
    });
  }

  private setHealth(status: 'SERVING' | 'NOT_SERVING'): void {
    for (const service of ['', offloadServiceName]) this.health.setStatus(service, status);
  }

  /** Whether `work` was done within the time. */
  private async within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
    let cancel = () => {};
    const late = new Promise<false>((resolve) => {
      cancel = this.clock.after(milliseconds, () => resolve(false));
    });
    const inTime = await Promise.race([work.then(() => true), late]);
    cancel();
    return inTime;
  }
}

/** @returns the address with the port that it got */
async function bind(grpc: Server, listen: ListenAddress): Promise<string> {
  const target = formatAddress(listen);
  if ('socketPath' in listen) await removeStaleSocket(listen.socketPath);
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
