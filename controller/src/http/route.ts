import { OfframpError } from '@offramp/shared';
import { z } from 'zod';

/** One request of the API, as it is validated, described and answered. */
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
  /** Whether it also answers clients that show no token. */
  open: boolean;
  /** Statuses of errors beside 400, 401 and 503, with what they mean. */
  errors: Record<number, string>;
  /** @throws OfframpError `REQUEST_INVALID`, `CONFIG_INVALID` for a name that is none, and what the request does */
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
  const { params, query, body, response, open = false, errors = {}, handle } = definition;
  return {
    ...{ method, path, operationId, summary, response, open, errors },
    ...{ params: params ?? null, query: query ?? null, body: body ?? null },
    answer: async (request) =>
      handle({
        params: parse('path', params ?? nothing, request.params) as z.output<P>,
        query: parse('query', query ?? (open ? nothing : noQuery), request.query) as z.output<Q>,
        body: (body ? parse('body', body, request.body) : {}) as z.output<B>,
      }),
  };
}

function parse(where: 'path' | 'query' | 'body', schema: z.ZodObject, value: unknown): unknown {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const field = [where, ...issue.path].join('.');
    if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
      const known = Object.keys(schema.shape).join(', ') || 'nothing';
      return `${field}: expected ${known}; found ${issue.keys.join(', ')}`;
    }
    return `${field}: ${issue.message.replace(/^Invalid input: /, '')}`;
  });
  throw new OfframpError(where === 'path' ? 'CONFIG_INVALID' : 'REQUEST_INVALID', problems.join('; '));
}
