import {
  type Clock,
  type ListenAddress,
  type Logger,
  OfframpError,
  parseListenAddress,
} from '@offramp/runtime';
import { createHttpServer, hostGuard, listenHttp } from '@offramp/runtime/http';
import type { MetricsText } from '@offramp/runtime/metrics';
import type { FastifyInstance } from 'fastify';
import type { FleetActivity } from '../ingest/register/fleet-activity.js';
import type { FleetRegister } from '../ingest/register/fleet-register.js';
import type { Readiness } from '../lead/readiness.js';
import type { Operations } from '../operations/operations.js';
import { serveDashboard } from './dashboard-files.js';
import { FleetReader } from './fleet-reader.js';
import { fleetRoutes } from './fleet-routes.js';
import { LiveFeed } from './live-feed.js';
import { describeApi } from './openapi.js';
import { type Route, route } from './route.js';
import { healthSchema } from './schemas/index.js';
import { streamRoute } from './stream-route.js';
import { carriesToken, checkExposure } from './token.js';

export interface HttpApiOptions {
  /** `host:port` or `unix:/path` */
  listen: string;
  /** The token that clients must send; `null`: none, which only loopback addresses and Unix sockets allow. */
  token: string | null;
}

/** The parts of the controller that the API uses. */
export interface HttpApiController {
  register: FleetRegister;
  activity: FleetActivity;
  operations: Operations;
  /** `null`: there are none. */
  metrics: MetricsText | null;
  clock: Clock;
  /** Whether it can do its work, and what it waits for. */
  readiness(): Readiness;
  /** Whether NATS is connected now. */
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
  const server = createHttpServer(
    { maxBodyBytes, requestTimeoutMs, forceCloseConnections: true, exposeHeadRoutes: false },
    logger,
  );
  // A page of another origin can send text without a preflight request, but not JSON.
  server.removeContentTypeParser('text/plain');
  server.addHook('onRequest', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
  });
  const { clock } = controller;
  const fleet = new FleetReader(controller.register, controller.activity, controller.operations, clock);
  const feed = new LiveFeed({
    ...{ fleet, clock, logger, connected: controller.connected },
    problem: () => controller.readiness().error?.message ?? null,
  });
  const routes = fleetRoutes(fleet);
  server.register(async (guarded) => {
    guard(guarded, options.token, target);
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
    const address = await listenHttp(server, options.listen);
    logger.info({ address, token: options.token !== null }, 'the HTTP API listens');
    return { address, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function guard(server: FastifyInstance, token: string | null, target: ListenAddress): void {
  const checkHost = hostGuard(target);
  server.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { authorization, host } = request.headers;
    if (token === null) {
      checkHost(host);
      return;
    }
    if (carriesToken(authorization, token)) return;
    throw new OfframpError(
      'UNAUTHORIZED',
      authorization === undefined
        ? 'expected the token of this controller as `Authorization: Bearer …`'
        : 'the token is wrong',
    );
  });
}

function healthRoutes({ readiness }: HttpApiController): Route[] {
  return [
    route('GET', '/healthz', 'health', 'Whether the process runs', {
      response: healthSchema,
      open: true,
      handle: () => ({ status: 'ok' }),
    }),
    route('GET', '/readyz', 'readiness', 'Whether it can do its work, or waits for what comes by itself', {
      response: healthSchema,
      open: true,
      errors: { 503: 'NATS has refused it for good, or JetStream stores nothing' },
      handle: () => {
        const { error, waitsFor } = readiness();
        if (error) throw error;
        return { status: 'ready', ...(waitsFor === null ? {} : { waitsFor }) };
      },
    }),
  ];
}

function addRoute(server: FastifyInstance, { method, path, maxBodyBytes, answer }: Route): void {
  server.route({
    method,
    ...(maxBodyBytes === null ? {} : { bodyLimit: maxBodyBytes }),
    url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    handler: ({ params, query, body }) => answer({ params, query, body }),
  });
}
