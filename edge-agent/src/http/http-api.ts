import {
  type Bundle,
  type Clock,
  decodePicture,
  type ErrorCode,
  isOfframpError,
  type Logger,
  messageOf,
  OfframpError,
  parseListenAddress,
  pictureChannels,
  preprocess,
} from '@offramp/shared';
import type { MetricsText } from '@offramp/shared/metrics';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { SampleResult } from '../answer.js';
import type { IncomingSample } from '../pipeline/pipeline.js';
import type { Slot } from '../slots.js';
import { listen } from './listen.js';
import { readTensorBody, tensorMediaType } from './tensor-body.js';

/** What the API needs of the agent. */
export interface HttpApiAgent {
  /** @throws OfframpError `OVERLOADED`, `STOPPING`, with `retryAfterMs` */
  takeSlot(): Slot;
  /** @param slot is given back when the answer is out */
  answer(sample: IncomingSample, slot: Slot): Promise<SampleResult>;
  ready(): boolean;
  /** Anything that JSON can hold. */
  status(): object;
  metrics: MetricsText;
}

export interface HttpApiOptions {
  listen: string;
  maxBodyBytes: number;
}

export interface HttpApi {
  /** `http://host:port` or `unix:/path` */
  readonly address: string;
  /** Waits for the answers under way, but not long for clients that are slow to send or to read. */
  close(): Promise<void>;
}

const closeGraceMs = 1_000;
/** How long a client may take to send a request, before the place it holds is needed by others. */
const requestTimeoutMs = 30_000;

const statusOfCode: Partial<Record<ErrorCode, number>> = {
  IMAGE_INVALID: 400,
  TENSOR_INVALID: 400,
  REQUEST_INVALID: 400,
  OVERLOADED: 503,
  STOPPING: 503,
};

/**
 * The local HTTP API: `POST /v1/classify`, `GET /v1/status`, `/metrics`, `/healthz`, `/readyz`.
 * @throws OfframpError `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function startHttpApi(
  options: HttpApiOptions,
  bundle: Bundle,
  agent: HttpApiAgent,
  clock: Clock,
  logger: Logger,
): Promise<HttpApi> {
  const target = parseListenAddress(options.listen);
  const server = Fastify({
    bodyLimit: options.maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
  });
  answerErrors(server, logger);
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_, reply) => {
    const ready = agent.ready();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
  server.get('/v1/status', () => agent.status());
  server.get('/metrics', async (_, reply) =>
    reply.type(agent.metrics.contentType).send(await agent.metrics.text()),
  );
  classifyRoute(server, bundle, agent);
  const address = await listen(server, target, options.listen);
  logger.info({ address }, 'HTTP API listens');
  const close = async () => {
    const cancel = clock.after(closeGraceMs, () => server.server.closeAllConnections());
    await server.close();
    cancel();
  };
  return { address, close };
}

/**
 * A request takes its place before its body is read, so that bodies in memory are bounded like samples
 * are; the place goes to the sample when there is one, and back when the request ends without.
 */
function classifyRoute(server: FastifyInstance, bundle: Bundle, agent: HttpApiAgent): void {
  const { input } = bundle.manifest;
  const slots = new WeakMap<FastifyRequest, Slot>();
  let requests = 0;
  server.removeAllContentTypeParsers();
  for (const mediaType of [/^image\//, 'application/octet-stream', tensorMediaType]) {
    server.addContentTypeParser(mediaType, { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  }
  server.post('/v1/classify', {
    onRequest: async (request, reply) => {
      const slot = agent.takeSlot();
      slots.set(request, slot);
      reply.raw.once('close', () => {
        if (slots.delete(request)) slot.release();
      });
    },
    handler: async (request, reply) => {
      const { body } = request;
      if (!(body instanceof Uint8Array) || body.byteLength === 0) {
        throw new OfframpError('REQUEST_INVALID', 'expected a picture or a tensor as body, found none');
      }
      const slot = slots.get(request);
      if (!slot) throw new OfframpError('REQUEST_INVALID', 'the client went away');
      slots.delete(request);
      const name = `http:${++requests}`;
      const isTensor =
        request.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === tensorMediaType;
      const load = async () => {
        if (isTensor) return readTensorBody(body, input.shape);
        const picture = await decodePicture(body, pictureChannels(input), name);
        return preprocess(picture, input);
      };
      const { kind, answer } = await agent.answer({ name, trueLabelIndex: null, load }, slot);
      return reply.code(kind === 'failed' ? (statusOfCode[answer.error.code] ?? 500) : 200).send(answer);
    },
  });
}

function answerErrors(server: FastifyInstance, logger: Logger): void {
  server.setErrorHandler((error, _, reply) => sendError(reply, error, logger));
  server.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url}; expected POST /v1/classify, GET /v1/status, /metrics, /healthz or /readyz`;
    return sendError(reply.code(404), new OfframpError('REQUEST_INVALID', message), logger);
  });
}

function sendError(reply: FastifyReply, error: unknown, logger: Logger): FastifyReply {
  if (isOfframpError(error)) {
    const status = [404, 415].includes(reply.statusCode)
      ? reply.statusCode
      : (statusOfCode[error.code] ?? 500);
    if (error.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(error.retryAfterMs / 1_000));
    const { code, message, retryAfterMs } = error;
    return reply.code(status).send({ error: { code, message, retryAfterMs } });
  }
  const status =
    error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
      ? error.statusCode
      : 500;
  if (status === 415) {
    const message = `content-type: expected image/*, application/octet-stream (a picture) or ${tensorMediaType}`;
    return sendError(reply.code(415), new OfframpError('REQUEST_INVALID', message), logger);
  }
  if (status >= 500) logger.error({ err: error }, 'the HTTP API failed');
  const code: ErrorCode = status < 500 ? 'REQUEST_INVALID' : 'INTERNAL';
  return reply.code(status).send({ error: { code, message: messageOf(error) } });
}
