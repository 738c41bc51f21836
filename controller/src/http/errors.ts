import { type ErrorCode, isOfframpError, type Logger, messageOf } from '@offramp/shared';
import type { FastifyReply } from 'fastify';

const statusOfCode: Partial<Record<ErrorCode, number>> = {
  CONFIG_INVALID: 400,
  REQUEST_INVALID: 400,
  POLICY_INVALID: 400,
  UNAUTHORIZED: 401,
  NOT_FOUND: 404,
  POLICY_CONFLICT: 409,
  OVERLOADED: 503,
  NATS_UNAVAILABLE: 503,
  JETSTREAM_UNAVAILABLE: 503,
};

export function sendError(
  reply: FastifyReply,
  error: unknown,
  logger: Logger,
  status = statusOf(error),
): FastifyReply {
  if (status >= 500 && status !== 503) logger.error({ err: error }, 'the HTTP API failed');
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (!isOfframpError(error)) {
    const code: ErrorCode = status < 500 ? 'REQUEST_INVALID' : 'INTERNAL';
    return reply.code(status).send({ error: { code, message: messageOf(error) } });
  }
  const { code, message, hint, retryAfterMs } = error;
  if (retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(retryAfterMs / 1_000));
  return reply.code(status).send({ error: { code, message, hint, retryAfterMs } });
}

function statusOf(error: unknown): number {
  if (isOfframpError(error)) return statusOfCode[error.code] ?? 500;
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return typeof status === 'number' ? status : 500;
}
