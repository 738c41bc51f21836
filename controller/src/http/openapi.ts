import { offrampVersion } from '@offramp/runtime';
import { z } from 'zod';
import type { Route } from './route.js';
import { apiSchemas, errorSchema, streamSchemas } from './schemas/index.js';

const componentOf = (id: string) => `#/components/schemas/${id}`;

/**
 * The description of the API in OpenAPI 3.1, from the schemas that validate requests.
 * @param routes all but the stream, which is described by hand
 */
export function describeApi(routes: readonly Route[]): object {
  const { schemas } = z.toJSONSchema(apiSchemas, {
    target: 'draft-2020-12',
    uri: componentOf,
    io: 'output',
  });
  const paths = new Map<string, object>([['/v1/stream', { get: describeStream() }]]);
  for (const route of routes) {
    paths.set(route.path, { ...paths.get(route.path), [route.method.toLowerCase()]: describeRoute(route) });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Offramp controller',
      version: offrampVersion,
      description: 'The state of a fleet, and its goals and policies.',
    },
    paths: Object.fromEntries(paths),
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([id, schema]) => [id, withoutIdentity(schema)]),
      ),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ token: [] }],
  };
}

function describeRoute(route: Route): object {
  const parameters = [...parametersOf('path', route.params), ...parametersOf('query', route.query)];
  const problems = {
    400: 'The request is invalid, or has an unknown parameter',
    ...(route.open ? {} : accessErrors),
    ...route.errors,
  };
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: referenceTo(route.body) } },
          },
        }
      : {}),
    responses: {
      200: { description: 'Done', content: { 'application/json': { schema: referenceTo(route.response) } } },
      ...errorResponses(problems),
    },
  };
}

const accessErrors = {
  401: 'The token is missing or wrong',
  503: 'NATS cannot be reached, or the controller is overloaded',
};

function describeStream(): object {
  const events = Object.entries(streamSchemas)
    .map(([name, schema]) => `\`${name}\` (${apiSchemas.get(schema)?.id})`)
    .join(', ');
  return {
    operationId: 'stream',
    summary: 'All changes, as server-sent events',
    description: `Events and their data: ${events}. Those of a group are sent at most once a second, and only on a change. A slow client gets fewer. With \`Last-Event-ID\`, the sequence of an \`event\`, the later ones are sent; \`reset\` means that there are too many.`,
    parameters: [
      { name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'integer', minimum: 0 } },
    ],
    responses: {
      200: {
        description: 'Does not end',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      ...errorResponses({ 400: 'The request is invalid', ...accessErrors }),
    },
  };
}

function errorResponses(problems: Record<number, string>): object {
  const content = { 'application/json': { schema: referenceTo(errorSchema) } };
  return Object.fromEntries(
    Object.entries(problems).map(([status, description]) => [status, { description, content }]),
  );
}

function parametersOf(where: 'path' | 'query', schema: z.ZodObject | null): object[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: property,
  }));
}

function referenceTo(schema: z.ZodType): object {
  const id = apiSchemas.get(schema)?.id;
  if (id === undefined) throw new Error('a body without a named schema of the API');
  return { $ref: componentOf(id) };
}

/** In OpenAPI, components are identified by their place in the document. */
function withoutIdentity({ $id, $schema, ...schema }: z.core.JSONSchema.BaseSchema): object {
  return schema;
}
