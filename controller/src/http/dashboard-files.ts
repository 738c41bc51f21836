import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Logger, OfframpError, systemCodeOf } from '@offramp/shared';
import type { FastifyInstance } from 'fastify';

/** Where `npm run build` puts them, seen from the sources as from what is compiled. */
const folder = new URL('../../dist/dashboard/', import.meta.url);

const files = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/dashboard.js', file: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
  { path: '/dashboard.css', file: 'dashboard.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
];

/** Nothing but what comes from here, and no place in somebody else's page. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the web page, which is read once. Where it was not built, the API is served without it. */
export async function serveDashboard(server: FastifyInstance, logger: Logger): Promise<void> {
  for (const { path, file, type } of files) {
    const content = await readFile(new URL(file, folder)).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (!content) logger.warn({ file }, 'a file of the dashboard is missing; `npm run build` makes it');
    const tag = content && `"${createHash('sha256').update(content).digest('base64url')}"`;
    server.get(path, (request, reply) => {
      if (!content || !tag) throw new OfframpError('NOT_FOUND', `${file} was not built`);
      reply.header('etag', tag).header('cache-control', 'no-cache');
      if (request.headers['if-none-match'] === tag) return reply.code(304).send();
      return reply.header('content-security-policy', contentSecurityPolicy).type(type).send(content);
    });
  }
}
