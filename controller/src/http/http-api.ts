import {
  type Clock,
  type Logger,
  listenError,
  OfframpError,
  parseListenAddress,
  removeStaleSocket,
} from '@offramp/shared';
import type { MetricsText } from '@offramp/shared/metrics';
import Fastify, { type FastifyInstance } from 'fastify';
import type { FleetActivity } from '../activity/fleet-activity.js';
import type { FleetControl } from '../control/fleet-control.js';
import type { EvidenceRegister } from '../evidence/evidence-register.js';
import type { PolicyStore } from '../policy/policy-store.js';
import type { FleetRegister } from '../register/fleet-register.js';
import { serveDashboard } from './dashboard-files.js';
import { sendError } from './errors.js';
import { FleetReader } from './fleet-reader.js';
import { fleetRoutes } from './fleet-routes.js';
import { LiveFeed } from './live-feed.js';
import { describeApi } from './openapi.js';
import { type Route, route } from './route.js';
import { healthSchema } from './schemas/index.js';
import { streamRoute } from './stream-route.js';
import { carriesToken, checkExposure, namesLoopback } from './token.js';

export interface HttpApiOptions {
  /** `host:port` or `unix:/path` */
  listen: string;
  /** What clients have to show; `null`: nothing, which only loopback addresses and Unix sockets allow. */
  token: string | null;
}

/** What the API needs of the controller. */
export interface HttpApiController {
  register: FleetRegister;
  evidence: Pick<EvidenceRegister, 'evidence'>;
  activity: FleetActivity;
  control: FleetControl;
  policies: Pick<PolicyStore, 'set' | 'history'>;
  /** `null`: there are none. */
  metrics: MetricsText | null;
  clock: Clock;
  /** Whether there is a connection to NATS, or will be again. */
  ready(): boolean;
  /** Whether NATS is there now. */
  connected(): boolean;
}

export interface HttpApi {
  /** `http://host:port` or `unix:/path` */
  readonly address: string;
  close(): Promise<void>;
}

/** How long a client may take to send a request. */
const requestTimeoutMs = 10_000;
const maxBodyBytes = 65_536;

/**
 * The controller's HTTP API and its dashboard: see `docs/http.md`.
 * @throws OfframpError `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function startHttpApi(
  options: HttpApiOptions,
  controller: HttpApiController,
  logger: Logger,
): Promise<HttpApi> {
  const target = parseListenAddress(options.listen);
  checkExposure(target, options.token);
  const server = Fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
  });
  // A page of another origin can send text without asking, JSON it cannot.
  server.removeContentTypeParser('text/plain');
  server.setErrorHandler((error, _, reply) => sendError(reply, error, logger));
  server.setNotFoundHandler((request, reply) => {
    const error = new OfframpError('REQUEST_INVALID', `there is no ${request.method} ${request.url}`);
    return sendError(reply, error, logger, 404);
  });
  server.addHook('onRequest', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
  });
  const { clock } = controller;
  const fleet = new FleetReader(controller.register, controller.activity, controller.control, clock);
  const feed = new LiveFeed({ fleet, clock, logger, connected: controller.connected });
  const routes = fleetRoutes({ ...controller, fleet });
  server.register(async (guarded) => {
    guard(guarded, options.token, 'socketPath' in target);
    for (const each of routes) addRoute(guarded, each);
    streamRoute(guarded, feed);
  });
  const { metrics } = controller;
  if (metrics) {
    server.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.text()));
  }
  const health = healthRoutes(controller);
  for (const each of health) addRoute(server, each);
  const description = describeApi([...routes, ...health]);
  server.get('/openapi.json', () => description);
  await serveDashboard(server, logger);
  const close = async () => {
    await feed.stop();
    await server.close();
  };
  try {
    if ('socketPath' in target) {
      await removeStaleSocket(target.socketPath);
      await server.listen({ path: target.socketPath });
    }
    const address = 'socketPath' in target ? `unix:${target.socketPath}` : await server.listen(target);
    logger.info({ address, token: options.token !== null }, 'HTTP API listens');
    return { address, close };
  } catch (cause) {
    await close();
    throw listenError(options.listen, cause);
  }
}

function guard(server: FastifyInstance, token: string | null, onSocket: boolean): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    if (token !== null) {
      if (carriesToken(request.headers.authorization, token)) return;
      throw new OfframpError(
        'UNAUTHORIZED',
        request.headers.authorization === undefined
          ? 'expected the token of this controller as `Authorization: Bearer …`'
          : 'That is not the token.',
      );
    }
    if (onSocket || namesLoopback(request.headers.host)) return;
    throw new OfframpError(
      'UNAUTHORIZED',
      `without a token the API answers only to 127.0.0.1 or localhost, not to ${JSON.stringify(request.headers.host)}`,
    );
  });
}

function healthRoutes({ ready }: HttpApiController): Route[] {
  return [
    route('GET', '/healthz', 'health', 'Whether the process lives', {
      response: healthSchema,
      open: true,
      handle: () => ({ status: 'ok' }),
    }),
    route('GET', '/readyz', 'readiness', 'Whether it is connected to NATS, or waits to be again', {
      response: healthSchema,
      open: true,
      errors: { 503: 'It is neither' },
      handle: () => {
        if (!ready()) throw new OfframpError('NATS_UNAVAILABLE', 'the connection to NATS has ended for good');
        return { status: 'ready' };
      },
    }),
  ];
}

function addRoute(server: FastifyInstance, { method, path, answer }: Route): void {
  server.route({
    method,
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    handler: ({ params, query, body }) => answer({ params, query, body }),
  });
}
