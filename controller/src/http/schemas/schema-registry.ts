import { z } from 'zod';

/** The shapes that the API takes and gives. Requests are validated by them, and `/openapi.json` is generated from them. */
export const apiSchemas = z.registry<{ id: string }>();

/** Under what name a shape is described. */
export const named = <T extends z.ZodType>(id: string, schema: T): T => {
  apiSchemas.add(schema, { id });
  return schema;
};
