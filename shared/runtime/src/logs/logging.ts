import { type Logger, pino, destination as pinoDestination } from 'pino';
import { redactUrls } from '../errors/redact-urls.js';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * JSON lines on standard error, so that standard output stays free for answers. Credentials in URLs are redacted, whatever
 * object or error they are part of.
 */
export function createLogger(name: string, level: LogLevel): Logger {
  const standardError = pinoDestination({ dest: 2, sync: true });
  return pino(
    { name, level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => standardError.write(redactUrls(line)) },
  );
}
