import { Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import {
  type Bundle,
  decodeTensor,
  encodingsHeader,
  formatEncodings,
  InferencePool,
  pictureFileOf,
  pictureOf,
  runStage,
  stageLayout,
} from '@offramp/bundle';
import {
  type ExitOutcome,
  MalformedMessage,
  offloadService,
  type ResumeRequest,
  type ResumeResponseInit,
} from '@offramp/contracts';
import { normalise, PictureDecoder } from '@offramp/data';

/** A `Buffer` is sent unchanged, even if it cannot be decoded. */
export type ResumeStream = ServerDuplexStream<ResumeRequest, ResumeResponseInit | Buffer>;

/** A worker's reaction to a sample. */
export type Respond = (request: ResumeRequest, stream: ResumeStream) => void;

/** A real gRPC server in place of a worker. A test determines its behaviour. */
export interface ScriptedWorker {
  /** `host:port` */
  readonly address: string;
  readonly port: number;
  /** The samples received, in order. */
  readonly requests: ResumeRequest[];
  /** Number of streams opened so far. */
  readonly streams: number;
  /** May be changed at any time. */
  respond: Respond;
  /** The encodings that it announces; `null`: none, like older workers. */
  encodings: string | null;
  /** Ends every open stream with an error. */
  breakStreams(): void;
  stop(): void;
}

export async function startScriptedWorker(respond: Respond, port = 0): Promise<ScriptedWorker> {
  const server = new Server();
  const open = new Set<ResumeStream>();
  const requests: ResumeRequest[] = [];
  let streams = 0;
  const { Resume, Classify } = offloadService;
  const responseSerialize = (response: ResumeResponseInit | Buffer) =>
    Buffer.isBuffer(response) ? response : Resume.responseSerialize(response);
  server.addService(
    { Resume: { ...Resume, responseSerialize }, Classify },
    {
      Resume: (stream: ResumeStream) => {
        streams++;
        if (worker.encodings !== null) {
          const greeting = new Metadata();
          greeting.set(encodingsHeader, worker.encodings);
          stream.sendMetadata(greeting);
        }
        open.add(stream);
        stream.on('data', (request: ResumeRequest | MalformedMessage) => {
          if (request instanceof MalformedMessage) throw new Error(request.reason);
          requests.push(request);
          worker.respond(request, stream);
        });
        stream.on('error', () => open.delete(stream));
        stream.on('close', () => open.delete(stream));
        stream.on('end', () => stream.end());
      },
      Classify: (_: unknown, done: (error: { code: status }) => void) => done({ code: status.UNIMPLEMENTED }),
    },
  );
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, found) =>
      error ? reject(error) : resolve(found),
    );
  });
  const worker: ScriptedWorker = {
    address: `127.0.0.1:${bound}`,
    port: bound,
    requests,
    get streams() {
      return streams;
    },
    respond,
    encodings: formatEncodings(),
    breakStreams() {
      for (const stream of open)
        stream.emit('error', { code: status.ABORTED, details: 'broken by the test' });
    },
    stop: () => server.forceShutdown(),
  };
  return worker;
}

export interface CascadeResponder {
  respond: Respond;
  close(): Promise<void>;
}

/** Answers like a worker, by running the rest of the cascade. */
export async function cascadeResponder(bundle: Bundle): Promise<CascadeResponder> {
  const pool = await InferencePool.create(bundle);
  const decoder = new PictureDecoder({ processes: 1 });
  const resume = async (request: ResumeRequest): Promise<ResumeResponseInit> => {
    const first = request.stage;
    const sample = { thresholds: request.thresholds, passed: [] as ExitOutcome[] };
    const layout = stageLayout(bundle.manifest, first);
    const picture = pictureOf(layout);
    const file = pictureFileOf('tensor', layout, request.tensor);
    let activation =
      file && picture
        ? normalise((await decoder.unpack(file, picture, 'tensor')).pixels, picture)
        : decodeTensor('tensor', layout, request.tensor);
    for (let stage = first; ; stage++) {
      const step = await runStage(pool, stage, [sample], activation);
      const answered = step.answered[0];
      if (answered) {
        const { outcome } = answered;
        const answer = { ...outcome, bundleDigest: bundle.digestBytes, passed: sample.passed };
        return { sampleId: request.sampleId, answer };
      }
      activation = step.activation;
    }
  };
  return {
    respond: (request, stream) => {
      resume(request).then(
        (response) => stream.write(response),
        (error: unknown) => stream.destroy(error as Error),
      );
    },
    close: () => {
      decoder.close();
      return pool.close();
    },
  };
}

/** Takes samples and never answers. */
export const neverAnswer: Respond = () => undefined;
