import { lookup } from 'node:dns/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type FastifyHttpOptions, type FastifyInstance, type FastifyReply } from 'fastify';
import { type ListenAddress, listenError, parseListenAddress } from '../config/address.js';
import { removeStaleSocket } from '../config/stale-socket.js';
import { httpErrorOf } from '../errors/http-error.js';
import { OfframpError, systemCodeOf } from '../errors/offramp-error.js';
import { quoted, shortText } from '../errors/readable-text.js';
import type { Logger } from '../logs/logging.js';

export interface HttpServerOptions {
  maxBodyBytes: number;
  /** How long a client may take to send a request, in milliseconds. */
  requestTimeoutMs: number;
  /** What a client may ask for, for the answer to one that asks for something else; default nothing. */
  paths?: string;
  /** The media types of bodies, for the answer to a body of another. */
  mediaTypes?: string;
  /** Which connections a stop closes at once: all, or those without a request. */
  forceCloseConnections: true | 'idle';
  exposeHeadRoutes?: boolean;
}

/** How long a client may take to send the head of a request. */
const headTimeoutMs = 5_000;
/** Connections at once; more are closed. */
const maxConnections = 1_000;
/** Time between looks for clients that have taken too long. */
const timeoutCheckMs = 1_000;
/** Of a path that is quoted in an error. */
const maxQuotedPath = 200;

/**
 * A Fastify server that answers every error in the documented form, `{"error": {"code", "message", …}}`: those of routes,
 * of Fastify and of Node.js.
 */
export function createHttpServer(options: HttpServerOptions, logger: Logger): FastifyInstance {
  const { maxBodyBytes, requestTimeoutMs, paths, mediaTypes = 'application/json' } = options;
  const { forceCloseConnections, exposeHeadRoutes = true } = options;
  const fastifyOptions = {
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: Math.min(headTimeoutMs, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: timeoutCheckMs,
      // Node.js answers a request without `Host` itself, with no body; the check of `Host` refuses it.
      requireHostHeader: false,
    },
    forceCloseConnections,
    exposeHeadRoutes,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, _, reply) => sendError(reply as FastifyReply, error, logger),
  } satisfies FastifyHttpOptions<Server>;
  const server = Fastify(fastifyOptions);
  server.server.on('checkExpectation', refuseExpectation);
  server.server.maxConnections = maxConnections;
  server.setErrorHandler((error, _, reply) => {
    const isMediaType = error instanceof Error && 'statusCode' in error && error.statusCode === 415;
    if (!isMediaType) return sendError(reply, error, logger);
    const refused = new OfframpError('REQUEST_INVALID', `content-type: expected ${mediaTypes}`);
    return sendError(reply, refused, logger, 415);
  });
  server.setNotFoundHandler(({ method, url }, reply) => {
    const message = `there is no ${method} ${shortText(url, maxQuotedPath)}${paths ? `; expected ${paths}` : ''}`;
    return sendError(reply, new OfframpError('REQUEST_INVALID', message), logger, 404);
  });
  return server;
}

/**
 * Listens on a TCP port or a Unix socket. A socket file that a dead process left behind is taken over.
 * @param listen `host:port` or `unix:/path`
 * @returns the address in use: `http://host:port` or `unix:/path`
 * @throws OfframpError `CONFIG_INVALID`, `PORT_IN_USE`, `LISTEN_FAILED`
 */
export async function listenHttp(server: FastifyInstance, listen: string): Promise<string> {
  const target: ListenAddress = parseListenAddress(listen);
  try {
    if (!('socketPath' in target)) {
      // Of a name with several addresses, such as localhost, Fastify would open a server for each; a stop must know all
      // connections.
      const { address: host } = await lookup(target.host);
      return await server.listen({ host, port: target.port });
    }
    await removeStaleSocket(target.socketPath);
    await server.listen({ path: target.socketPath });
    return `unix:${target.socketPath}`;
  } catch (cause) {
    throw listenError(listen, cause);
  }
}

/** Answers in the documented form, also where another content type was chosen before the request failed. */
export function sendError(
  reply: FastifyReply,
  error: unknown,
  logger: Logger,
  status?: number,
): FastifyReply {
  const answer = httpErrorOf(error, status);
  if (answer.isFault) logger.error({ err: error }, 'the HTTP API failed');
  return reply.code(answer.status).type('application/json').headers(answer.headers).send(answer.body);
}

/** What Node.js refuses before there is a request, by the code of its error. */
const malformed: ReadonlyMap<string, readonly [status: string, message: string]> = new Map([
  [
    'HPE_HEADER_OVERFLOW',
    ['431 Request Header Fields Too Large', 'expected headers of at most 16 KiB, found more'],
  ],
  [
    'HPE_CHUNK_EXTENSIONS_OVERFLOW',
    ['413 Payload Too Large', 'expected chunks without long extensions, found one with'],
  ],
  ['ERR_HTTP_REQUEST_TIMEOUT', ['408 Request Timeout', 'the request did not arrive in time']],
]);

/** Answers what is no HTTP request, or did not arrive in time, and closes the connection. */
function answerMalformed(error: Error, socket: Socket): void {
  const code = systemCodeOf(error) ?? '';
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const other = ['400 Bad Request', `expected an HTTP request: ${error.message}`] as const;
  const [status, message] = malformed.get(code) ?? other;
  const body = malformedBody(message);
  const head = ['content-type: application/json', `content-length: ${Buffer.byteLength(body)}`];
  socket.write(`HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`);
  socket.destroySoon();
}

function refuseExpectation({ headers }: IncomingMessage, response: ServerResponse): void {
  const body = malformedBody(`expect: expected 100-continue, found ${quoted(headers.expect ?? '')}`);
  response.writeHead(417, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

const malformedBody = (message: string) =>
  JSON.stringify(httpErrorOf(new OfframpError('REQUEST_INVALID', message)).body);
