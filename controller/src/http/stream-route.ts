import { OfframpError } from '@offramp/runtime';
import type { FastifyInstance } from 'fastify';
import type { LiveFeed } from './live-feed.js';

/** `GET /v1/stream`: server-sent events, until either side ends it. */
export function streamRoute(server: FastifyInstance, feed: LiveFeed): void {
  server.get('/v1/stream', (request, reply) => {
    const [unknown] = Object.keys(request.query as object);
    if (unknown !== undefined) {
      throw new OfframpError('REQUEST_INVALID', `query: expected nothing; found ${unknown}`);
    }
    const lastSequence = readLastEventId(request.headers['last-event-id']);
    const { raw } = reply;
    const sink = { write: (text: string) => raw.write(text), end: () => raw.destroy() };
    raw.setHeader('content-type', 'text/event-stream');
    raw.setHeader('cache-control', 'no-store');
    const { client, remove } = feed.add(sink, lastSequence);
    reply.hijack();
    raw.on('drain', () => client.drained());
    raw.once('close', remove);
  });
}

function readLastEventId(header: string | string[] | undefined): number | null {
  if (header === undefined || header === '') return null;
  const sequence = Number(header);
  if (Number.isSafeInteger(sequence) && sequence >= 0) return sequence;
  throw new OfframpError(
    'REQUEST_INVALID',
    `Last-Event-ID: expected the number of an event, found ${header}`,
  );
}
