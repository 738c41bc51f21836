import { createHash } from 'node:crypto';
// biome-ignore lint/style/noRestrictedImports: these files are part of the program
import { readFile } from 'node:fs/promises';
import { type Logger, OfframpError, systemCodeOf } from '@offramp/runtime';
import type { FastifyInstance } from 'fastify';

/** Output of `npm run build`, at the same relative path from sources and compiled files. */
const folder = new URL('../../dist/dashboard/', import.meta.url);

const files = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/dashboard.js', file: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
  { path: '/dashboard.css', file: 'dashboard.css', type: 'text/css; charset=utf-8' },
  { path: '/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
];

/** Only resources of this origin, and no embedding in other pages. */
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

/** Serves the web page, which is read once. If it was not built, the API is served without it. */
export async function serveDashboard(server: FastifyInstance, logger: Logger): Promise<void> {
  for (const { path, file, type } of files) {
    const content = await readFile(new URL(file, folder)).catch((error: unknown) => {
      if (systemCodeOf(error) === 'ENOENT') return null;
      throw error;
    });
    if (!content) logger.warn({ file }, 'a file of the dashboard is missing; `npm run build` creates it');
    const tag = content && `"${createHash('sha256').update(content).digest('base64url')}"`;
    server.get(path, (request, reply) => {
      if (!content || !tag) throw new OfframpError('NOT_FOUND', `${file} was not built`);
      reply.header('etag', tag).header('cache-control', 'no-cache');
      if (request.headers['if-none-match'] === tag) return reply.code(304).send();
      return reply.header('content-security-policy', contentSecurityPolicy).type(type).send(content);
    });
  }
}
