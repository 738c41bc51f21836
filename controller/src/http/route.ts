import { z } from 'zod';
import { parseInput } from '../operations/parse-input.js';

/** One request of the API: its validation, description and handler. */
export interface Route {
  method: 'GET' | 'PUT' | 'POST';
  /** `{name}` stands for a parameter, as in OpenAPI. */
  path: string;
  operationId: string;
  summary: string;
  params: z.ZodObject | null;
  query: z.ZodObject | null;
  body: z.ZodObject | null;
  response: z.ZodType;
  /** A larger limit for its requests; `null`: the default. */
  maxBodyBytes: number | null;
  /** Whether it needs no token. */
  open: boolean;
  /** Error statuses besides 400, 401 and 503, with their meaning. */
  errors: Record<number, string>;
  /** @throws OfframpError `REQUEST_INVALID`, `CONFIG_INVALID` for an invalid name, and the handler's errors */
  answer(request: RawRequest): Promise<unknown>;
}

export interface RawRequest {
  params: unknown;
  query: unknown;
  body: unknown;
}

type Nothing = z.ZodObject<Record<never, never>>;
const nothing: Nothing = z.object({});
const noQuery: Nothing = z.strictObject({});

interface RouteDefinition<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodObject, R> {
  params?: P;
  query?: Q;
  body?: B;
  response: z.ZodType<R>;
  maxBodyBytes?: number;
  open?: boolean;
  errors?: Record<number, string>;
  handle(request: { params: z.output<P>; query: z.output<Q>; body: z.output<B> }): R | Promise<R>;
}

export function route<
  R,
  P extends z.ZodObject = Nothing,
  Q extends z.ZodObject = Nothing,
  B extends z.ZodObject = Nothing,
>(
  method: Route['method'],
  path: string,
  operationId: string,
  summary: string,
  definition: RouteDefinition<P, Q, B, R>,
): Route {
  const {
    params,
    query,
    body,
    response,
    maxBodyBytes = null,
    open = false,
    errors = {},
    handle,
  } = definition;
  return {
    ...{ method, path, operationId, summary, response, maxBodyBytes, open, errors },
    ...{ params: params ?? null, query: query ?? null, body: body ?? null },
    answer: async (request) =>
      handle({
        params: parseInput('path', params ?? nothing, request.params, 'CONFIG_INVALID') as z.output<P>,
        query: parseInput('query', query ?? (open ? nothing : noQuery), request.query) as z.output<Q>,
        body: (body ? parseInput('body', body, request.body) : {}) as z.output<B>,
      }),
  };
}
