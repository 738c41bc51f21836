import type { Bundle } from '@offramp/bundle';
import {
  type Clock,
  describeError,
  isExposed,
  type Logger,
  OfframpError,
  parseListenAddress,
} from '@offramp/runtime';
import { createHttpServer, hostGuard, listenHttp } from '@offramp/runtime/http';
import type { MetricsText } from '@offramp/runtime/metrics';
import type { FastifyInstance } from 'fastify';
import type { SampleResult } from '../answer.js';
import { httpDecoder } from '../pipeline/decoders.js';
import type { IncomingSample } from '../pipeline/pipeline.js';
import type { Slot } from '../slots.js';
import { BodyBudget } from './body-budget.js';
import { readBody } from './read-body.js';
import { RefusedBodies } from './refused-bodies.js';
import { type BodyFormat, bodyFormats } from './sample-body.js';

/** The parts of the agent that the API uses. */
export interface HttpApiAgent {
  /** @throws OfframpError `OVERLOADED`, `STOPPING`, with `retryAfterMs`, where {@link takeSlot} would throw now */
  checkRoom(): void;
  /** @throws OfframpError `OVERLOADED`, `STOPPING`, with `retryAfterMs` */
  takeSlot(): Slot;
  /** @param slot is released when the answer is written */
  answer(sample: IncomingSample, slot: Slot): Promise<SampleResult>;
  ready(): boolean;
  /** Anything that JSON can hold. */
  status(): object;
  metrics: MetricsText;
}

export interface HttpApiOptions {
  listen: string;
  /** Further names that `Host` may have. */
  allowedHosts?: readonly string[] | undefined;
  maxBodyBytes: number;
}

export interface HttpApi {
  /** `http://host:port` or `unix:/path` */
  readonly address: string;
  /** Abandons pictures that are not decoded yet. Their samples fail with `STOPPING` at once. */
  abandonPictures(): void;
  /** @param graceMs for clients that are slow to send or to read; default 0 */
  close(graceMs?: number): Promise<void>;
}

const closeGraceMs = 1_000;
/** How long a client may take to send a request. */
const requestTimeoutMs = 15_000;

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
  const decoder = httpDecoder(clock);
  const refused = new RefusedBodies(clock);
  const formats = bodyFormats(bundle.manifest.input, decoder);
  const server = createHttpServer(
    {
      maxBodyBytes: options.maxBodyBytes,
      requestTimeoutMs,
      paths: 'POST /v1/classify, GET /v1/status, /metrics, /healthz or /readyz',
      mediaTypes: formats.map(({ name }) => name).join(', '),
      forceCloseConnections: 'idle',
    },
    logger,
  );
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_, reply) => {
    const ready = agent.ready();
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
  server.get('/metrics', async (_, reply) =>
    reply.type(agent.metrics.contentType).send(await agent.metrics.text()),
  );
  const checkHost = hostGuard(target, options.allowedHosts, '--allowed-hosts allows further names.');
  server.register(async (guarded) => {
    guarded.addHook('onRequest', async ({ headers }) => checkHost(headers.host));
    guarded.get('/v1/status', () => agent.status());
    classifyRoute(guarded, options.maxBodyBytes, formats, agent, refused);
  });
  const address = await listenHttp(server, options.listen);
  logger.info({ address }, 'HTTP API listens');
  if (isExposed(target)) {
    logger.warn({ address }, 'the HTTP API asks for no token, and other machines may reach it');
  }
  const close = async (graceMs = 0) => {
    const cancel = clock.after(Math.min(graceMs, closeGraceMs), () => server.server.closeAllConnections());
    const closed = server.close();
    refused.abandon();
    await closed;
    cancel();
    decoder.close();
  };
  return { address, abandonPictures: () => decoder.close(), close };
}

/**
 * A request takes a place when its body is complete, so that a slow client holds none. If no place is free, requests are
 * refused before their bodies are read.
 */
function classifyRoute(
  server: FastifyInstance,
  maxBodyBytes: number,
  formats: readonly BodyFormat[],
  agent: HttpApiAgent,
  refused: RefusedBodies,
): void {
  const budget = new BodyBudget(maxBodyBytes);
  let requests = 0;
  server.removeAllContentTypeParsers();
  for (const { mediaType } of formats) {
    server.addContentTypeParser(mediaType, (_, __, done) => done(null));
  }
  server.post('/v1/classify', {
    onRequest: async ({ raw }) => {
      try {
        agent.checkRoom();
      } catch (error) {
        refused.discard(raw);
        throw error;
      }
    },
    handler: async (request, reply) => {
      const { bytes, release } = await readBody(request.raw, maxBodyBytes, budget, refused);
      try {
        if (bytes.byteLength === 0) {
          throw new OfframpError('REQUEST_INVALID', 'expected a sample as body, found none');
        }
        const slot = agent.takeSlot();
        const name = `http:${++requests}`;
        const format = formatFor(request.headers['content-type'] ?? '', formats);
        const load = async () => format.read(bytes, name);
        const { kind, answer } = await agent.answer({ name, trueLabelIndex: null, load }, slot);
        return reply.code(kind === 'failed' ? describeError(answer.error.code).httpStatus : 200).send(answer);
      } finally {
        release();
      }
    },
  });
}

/** @param contentType of one of the formats */
function formatFor(contentType: string, formats: readonly BodyFormat[]): BodyFormat {
  const found = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const matches = ({ mediaType }: BodyFormat) =>
    typeof mediaType === 'string' ? mediaType === found : mediaType.test(found);
  const format = formats.find(matches);
  if (!format) throw new OfframpError('INTERNAL', `a parser took content-type ${found}`);
  return format;
}
