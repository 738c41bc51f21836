import {
  checkName,
  type ErrorCode,
  isOfframpError,
  type Logger,
  listenError,
  messageOf,
  OfframpError,
  parseListenAddress,
} from '@offramp/shared';
import type { MetricsText } from '@offramp/shared/metrics';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { evidenceToJson } from '../evidence/evidence-json.js';
import type { EvidenceRegister } from '../evidence/evidence-register.js';

/** What the API needs of the controller. */
export interface HttpApiController {
  evidence: Pick<EvidenceRegister, 'evidence'>;
  /** `null`: there are none. */
  metrics: MetricsText | null;
  ready(): boolean;
}

export interface HttpApi {
  /** `http://host:port` or `unix:/path` */
  readonly address: string;
  close(): Promise<void>;
}

/** How long a client may take to send a request. */
const requestTimeoutMs = 10_000;
const maxBodyBytes = 1_024;

/**
 * The controller's HTTP API, which only reads: see `docs/http.md`.
 * @param listen `host:port` or `unix:/path`
 * @throws OfframpError `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function startHttpApi(
  listen: string,
  controller: HttpApiController,
  logger: Logger,
): Promise<HttpApi> {
  const target = parseListenAddress(listen);
  const server = Fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: true,
    return503OnClosing: false,
  });
  server.setErrorHandler((error, _, reply) => sendError(reply, error, logger));
  server.setNotFoundHandler((request, reply) =>
    sendError(
      reply,
      new OfframpError('REQUEST_INVALID', `there is no ${request.method} ${request.url}`),
      logger,
      404,
    ),
  );
  addRoutes(server, controller);
  try {
    if ('socketPath' in target) await server.listen({ path: target.socketPath });
    const address = 'socketPath' in target ? `unix:${target.socketPath}` : await server.listen(target);
    logger.info({ address }, 'HTTP API listens');
    return { address, close: () => server.close() };
  } catch (cause) {
    throw listenError(listen, cause);
  }
}

function addRoutes(server: FastifyInstance, { evidence, metrics, ready }: HttpApiController): void {
  if (metrics) {
    server.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  }
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', (_, reply) =>
    reply.code(ready() ? 200 : 503).send({ status: ready() ? 'ready' : 'not ready' }),
  );
  server.get<{ Params: { group: string } }>('/v1/groups/:group/evidence', ({ params }) =>
    evidenceToJson(evidence.evidence(checkName('group', params.group))),
  );
  server.get<{ Params: { group: string; device: string } }>(
    '/v1/groups/:group/devices/:device/evidence',
    ({ params }) =>
      evidenceToJson(evidence.evidence(checkName('group', params.group), checkName('device', params.device))),
  );
}

function sendError(
  reply: FastifyReply,
  error: unknown,
  logger: Logger,
  status = statusOf(error),
): FastifyReply {
  if (status >= 500) logger.error({ err: error }, 'the HTTP API failed');
  const code: ErrorCode = isOfframpError(error) ? error.code : status < 500 ? 'REQUEST_INVALID' : 'INTERNAL';
  return reply.code(status).send({ error: { code, message: messageOf(error) } });
}

function statusOf(error: unknown): number {
  if (isOfframpError(error)) return error.code === 'CONFIG_INVALID' ? 400 : 500;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' ? status : 500;
}
