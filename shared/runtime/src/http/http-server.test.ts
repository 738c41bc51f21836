import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OfframpError } from '../errors/offramp-error.js';
import { createLogger } from '../logs/logging.js';
import { createHttpServer, listenHttp } from './http-server.js';

const requestTimeoutMs = 1_000;

let server: FastifyInstance;
let port: number;

beforeEach(async () => {
  server = createHttpServer(
    {
      maxBodyBytes: 100,
      requestTimeoutMs,
      paths: 'GET /here',
      mediaTypes: 'application/json',
      forceCloseConnections: true,
    },
    createLogger('test', 'silent'),
  );
  server.removeContentTypeParser('text/plain');
  server.get('/here', () => ({ here: true }));
  server.post('/here', () => ({ here: true }));
  server.get('/broken', () => {
    throw new Error('out of order');
  });
  server.get('/full', () => {
    throw new OfframpError('OVERLOADED', 'full', { retryAfterMs: 1_500 });
  });
  port = Number(new URL(await listenHttp(server, '127.0.0.1:0')).port);
});

afterEach(() => server.close());

/** Sends bytes, and gives what comes back until the server closes the connection. */
async function send(bytes: string) {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);
  const response = await text(socket);
  const [head = '', body = ''] = response.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), head, body };
}

const head = (line: string, ...headers: string[]) =>
  `${[line, 'host: localhost', 'connection: close', ...headers].join('\r\n')}\r\n\r\n`;

describe('createHttpServer', () => {
  it.each([
    ['bytes that are not HTTP', 'hello\r\n\r\n', 400, 'expected an HTTP request: '],
    ['a request of TLS', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', 400, 'expected an HTTP request: '],
    ['an unknown method', head('FETCH /here HTTP/1.1'), 400, 'expected an HTTP request: '],
    [
      'a length that is not a number',
      head('POST /here HTTP/1.1', 'content-length: many'),
      400,
      'expected an HTTP request: ',
    ],
    ['a path that cannot be decoded', head('GET /%zz HTTP/1.1'), 400, "'/%zz' is not a valid url component"],
    [
      'headers that are too large',
      head('GET /here HTTP/1.1', `x: ${'y'.repeat(20_000)}`),
      431,
      'expected headers of at most 16 KiB, found more',
    ],
    [
      'an expectation that cannot be met',
      head('POST /here HTTP/1.1', 'expect: 200-ok'),
      417,
      'expect: expected 100-continue, found "200-ok"',
    ],
    [
      'a body that is too large',
      head('POST /here HTTP/1.1', 'content-type: application/json', 'content-length: 101'),
      413,
      'Request body is too large',
    ],
    [
      'a body that is not JSON',
      `${head('POST /here HTTP/1.1', 'content-type: application/json', 'content-length: 1')}{`,
      400,
      'Body is not valid JSON',
    ],
    [
      'a body of another type',
      `${head('POST /here HTTP/1.1', 'content-type: text/plain', 'content-length: 1')}x`,
      415,
      'content-type: expected application/json',
    ],
    [
      'a path that is not there',
      head(`GET /${'there'.repeat(100)} HTTP/1.1`),
      404,
      `there is no GET /${'there'.repeat(100).slice(0, 198)}…; expected GET /here`,
    ],
    ['a method that a path does not have', head('DELETE /here HTTP/1.1'), 404, 'there is no DELETE /here'],
  ])('refuses %s in the documented form', async (_, bytes, status, message) => {
    const response = await send(bytes);
    expect(response.status).toBe(status);
    expect(response.head).toMatch(/^content-type: application\/json/im);
    expect(JSON.parse(response.body)).toEqual({
      error: { code: 'REQUEST_INVALID', message: expect.stringContaining(message) },
    });
    expect((await fetch(`http://127.0.0.1:${port}/here`)).status).toBe(200);
  });

  it('answers what routes throw in the same form', async () => {
    const full = await send(head('GET /full HTTP/1.1'));
    expect(full).toMatchObject({ status: 503, head: expect.stringMatching(/^retry-after: 2$/m) });
    expect(JSON.parse(full.body)).toEqual({
      error: { code: 'OVERLOADED', message: 'full', retryAfterMs: 1_500 },
    });
    const broken = await send(head('GET /broken HTTP/1.1'));
    expect(broken.status).toBe(500);
    expect(JSON.parse(broken.body)).toEqual({ error: { code: 'INTERNAL', message: 'out of order' } });
  });

  it.each([
    ['nothing', ''],
    ['a part of the head', 'GET /here HTTP/1.1\r\nhost'],
    [
      'a part of the body',
      head('POST /here HTTP/1.1', 'content-type: application/json', 'content-length: 9'),
    ],
  ])('closes the connection of a client that sends %s, and no more', async (_, bytes) => {
    const startedAt = performance.now();
    const { status, body } = await send(bytes);
    expect(performance.now() - startedAt).toBeGreaterThan(requestTimeoutMs * 0.9);
    if (bytes === '') return;
    expect(status).toBe(408);
    expect(JSON.parse(body)).toEqual({
      error: { code: 'REQUEST_INVALID', message: 'the request did not arrive in time' },
    });
  });
});
