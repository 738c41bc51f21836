import { z } from 'zod';

/** What a flag, its help text and the reading of its value need to know of an option's schema. */
export interface OptionSchema {
  kind: 'string' | 'number' | 'boolean' | 'array';
  /** Of an array: whether its elements are numbers. */
  numericElements: boolean;
  choices: readonly string[] | null;
  /** Of a number, in words; `null` where any will do. */
  range: string | null;
  /** Whether a value must be given by flag, environment or file. */
  required: boolean;
  defaultValue: unknown;
  /** In words: what applies where no value is given. */
  fallback: string | null;
  description: string;
}

/** The options of a configuration by key, as zod's JSON Schema describes them. */
export function optionSchemas(shape: z.ZodRawShape): Map<string, OptionSchema> {
  const { properties = {}, required = [] } = z.toJSONSchema(z.object(shape), {
    io: 'input',
    unrepresentable: 'any',
  });
  return new Map(
    Object.entries(properties).map(([key, property]) => [
      key,
      optionSchema(typeof property === 'boolean' ? {} : property, required.includes(key)),
    ]),
  );
}

function optionSchema(schema: z.core.JSONSchema.BaseSchema, required: boolean): OptionSchema {
  const kind = kindOf(schema);
  const items = schema.items;
  const element = typeof items === 'object' && !Array.isArray(items) ? items : {};
  return {
    kind,
    numericElements: kind === 'array' && kindOf(element) === 'number',
    choices: schema.enum?.map(String) ?? null,
    range: kind === 'number' ? rangeOf(schema) : null,
    required,
    defaultValue: schema.default,
    fallback: typeof schema.fallback === 'string' ? schema.fallback : defaultText(schema.default),
    description: schema.description ?? '',
  };
}

function kindOf({ type }: z.core.JSONSchema.BaseSchema): OptionSchema['kind'] {
  switch (type) {
    case 'number':
    case 'integer':
      return 'number';
    case 'boolean':
    case 'array':
      return type;
    default:
      return 'string';
  }
}

/** Leaves out the bounds that every integer schema has. */
const boundOf = (value: unknown) =>
  typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : null;

function rangeOf(schema: z.core.JSONSchema.BaseSchema): string | null {
  const least = boundOf(schema.minimum);
  const above = boundOf(schema.exclusiveMinimum);
  const most = boundOf(schema.maximum);
  const below = boundOf(schema.exclusiveMaximum);
  if (least !== null && most !== null) return `${least} to ${most}`;
  const bounds = [
    ...(least === null ? [] : [`at least ${least}`]),
    ...(above === null ? [] : [`above ${above}`]),
    ...(most === null ? [] : [`at most ${most}`]),
    ...(below === null ? [] : [`below ${below}`]),
  ];
  return bounds.length === 0 ? null : bounds.join(', ');
}

/** A boolean's default shows in its flag: `--no-…` where it is true. */
function defaultText(value: unknown): string | null {
  if (value === undefined || typeof value === 'boolean') return null;
  return Array.isArray(value) ? value.join(',') : String(value);
}
