import { z } from 'zod';

/** The schemas of the API. They validate requests, and `/openapi.json` is generated from them. */
export const apiSchemas = z.registry<{ id: string }>();

/** Registers a schema under a name. */
export const named = <T extends z.ZodType>(id: string, schema: T): T => {
  apiSchemas.add(schema, { id });
  return schema;
};
