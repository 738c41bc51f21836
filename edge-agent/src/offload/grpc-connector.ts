import { Client, type ClientDuplexStream, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import { encodingsHeader, oldestEncodings, parseEncodings } from '@offramp/bundle';
import { offloadService, type ResumeRequestInit, type ResumeResponse, v1 } from '@offramp/contracts';
import { type Clock, type LiveFiles, messageOf } from '@offramp/runtime';
import { type DeviceCredentials, WorkerTls } from './device-tls.js';
import type { Connection, ConnectionEvents, Connector } from './transport.js';

export interface GrpcConnectorOptions {
  /** `host:port` */
  address: string;
  /** Time for an attempt to connect. */
  connectTimeoutMs: number;
  /** Time for a worker to announce its encodings. After that it gets float32. */
  greetingTimeoutMs: number;
  /** `null`: plain text. */
  credentials: LiveFiles<DeviceCredentials> | null;
}

/** Ping a connection that has been silent for this long … */
const keepaliveTimeMs = 10_000;
/** … and give it up if there is no answer after this: the worker's machine is gone. */
const keepaliveTimeoutMs = 5_000;

const channelOptions = {
  // One attempt per client: the caller that opens streams decides when to try again.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
};

/** Time between two looks at the certificate of an open connection. */
const certificateLookMs = 1_000;

/** Opens `Resume` streams over gRPC, over TLS where there are credentials. */
export class GrpcConnector implements Connector {
  constructor(
    private readonly options: GrpcConnectorOptions,
    private readonly clock: Clock,
  ) {}

  connect(events: ConnectionEvents): Connection {
    return new GrpcConnection(this.options, this.clock, events);
  }
}

type Call = ClientDuplexStream<ResumeRequestInit, ResumeResponse>;

class GrpcConnection implements Connection {
  private readonly client: Client;
  private call: Call | null = null;
  private closed = false;
  private opened = false;
  private cancelTimeout: () => void;
  private cancelLook: () => void = () => undefined;
  private readonly tls: WorkerTls | null;

  constructor(
    private readonly options: GrpcConnectorOptions,
    private readonly clock: Clock,
    private readonly events: ConnectionEvents,
  ) {
    this.tls = options.credentials && new WorkerTls(options.credentials);
    const secured = this.tls?.channelCredentials() ?? credentials.createInsecure();
    // The certificate names the worker, not its host. Node.js warns about an IP address in place of a name.
    const name = options.credentials?.value.mutual ? { 'grpc.ssl_target_name_override': 'worker' } : {};
    this.client = new Client(options.address, secured, { ...channelOptions, ...name });
    this.cancelTimeout = clock.after(options.connectTimeoutMs, () =>
      this.fail(`${options.address} did not answer within ${options.connectTimeoutMs} ms`),
    );
    this.watch();
  }

  send(request: ResumeRequestInit): boolean {
    return this.call?.write(request) ?? false;
  }

  finish(): void {
    this.call?.end();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.cancelTimeout();
    this.cancelLook();
    this.call?.cancel();
    this.client.close();
  }

  /** Follows the channel until it is ready, or has failed once. */
  private watch(): void {
    const channel = this.client.getChannel();
    const step = () => {
      if (this.closed) return;
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) {
        this.begin();
      } else if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
        this.explain();
      } else {
        channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, step);
      }
    };
    setImmediate(step);
  }

  /** A call on the channel that has failed tells why. */
  private explain(): void {
    const { path, requestSerialize } = offloadService.Resume;
    const { address } = this.options;
    this.call = this.client.makeBidiStreamRequest(path, requestSerialize, deserialize, new Metadata());
    this.call.on('error', (error) => this.fail(`no worker answers at ${address}: ${causeOf(error)}`));
  }

  /** Ends the connection when the worker's certificate is no longer good. */
  private look(): void {
    const problem = this.tls?.problem();
    if (problem) {
      this.fail(`the worker's certificate is ${problem}`);
      return;
    }
    this.cancelLook = this.clock.after(certificateLookMs, () => this.look());
    if (this.opened && this.tls?.stale) this.events.onStale();
  }

  private begin(): void {
    this.cancelTimeout();
    if (this.tls) this.look();
    // The look ends the connection when the certificate has expired meanwhile.
    if (this.closed) return;
    const { path, requestSerialize } = offloadService.Resume;
    const call: Call = this.client.makeBidiStreamRequest(path, requestSerialize, deserialize, new Metadata());
    this.call = call;
    this.cancelTimeout = this.clock.after(this.options.greetingTimeoutMs, () => this.open(oldestEncodings));
    call.on('metadata', (metadata) => {
      this.open(parseEncodings(metadata.get(encodingsHeader)[0]?.toString()));
    });
    call.on('data', (response: ResumeResponse) => {
      if (!this.closed) this.events.onResponse(response);
    });
    call.on('drain', () => {
      if (!this.closed) this.events.onDrain();
    });
    call.on('error', (error) => this.fail(messageOf(error)));
    call.on('end', () => this.fail('the worker ended the stream'));
  }

  private open(encodings: ReadonlySet<number>): void {
    if (this.closed || this.opened) return;
    this.opened = true;
    this.cancelTimeout();
    this.events.onOpen(encodings);
  }

  private fail(reason: string): void {
    if (this.closed) return;
    this.close();
    this.events.onClose(reason);
  }
}

/** Without what grpc-js writes around the cause. */
const causeOf = (error: Error) =>
  /Last error: (.*?)(?: \(\d{4}-[^)]*\))?\.? Resolution note/s.exec(error.message)?.[1] ?? error.message;

const emptyResponse = v1.ResumeResponse.decode(new Uint8Array(0));

/** Decodes malformed bytes to a response without sample, so that they do not end the stream. */
function deserialize(bytes: Buffer): ResumeResponse {
  try {
    return offloadService.Resume.responseDeserialize(bytes);
  } catch {
    return emptyResponse;
  }
}
