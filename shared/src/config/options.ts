import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { messageOf, OfframpError } from '../errors.js';

/**
 * A program's configuration: one zod schema per option, from which flags, environment variables, the
 * keys of the configuration file and `--help` all follow. `describe()` each schema; give its default
 * with `default()`, or where that depends on something, tell it: `meta({ description, fallback })`. Flags win over the environment, the environment over the file, the file over defaults.
 */
export interface ConfigDefinition<Shape extends z.ZodRawShape> {
  /** Environment variables are `OFFRAMP_<program>_<OPTION>`. */
  readonly program: string;
  readonly shape: Shape;
}

export type ConfigOf<D> = D extends ConfigDefinition<infer Shape> ? z.infer<z.ZodObject<Shape>> : never;

export function defineConfig<Shape extends z.ZodRawShape>(
  program: string,
  shape: Shape,
): ConfigDefinition<Shape> {
  return { program, shape };
}

interface Leaf {
  kind: 'string' | 'number' | 'boolean' | 'enum' | 'array';
  /** Of an array: what its elements are. */
  element: Leaf['kind'] | null;
  choices: string[] | null;
  /** Whether it has to be given, somewhere. */
  required: boolean;
  defaultValue: unknown;
  /** For people: what stands in for a value that is not given. */
  fallback: string | null;
  description: string;
}

/** Adds a flag for every option, and `--config FILE`, to a command. */
export function addConfigOptions(command: Command, definition: ConfigDefinition<z.ZodRawShape>): Command {
  for (const [key, schema] of Object.entries(definition.shape)) {
    const leaf = inspect(schema);
    const flag = flagOf(key);
    const notes = [
      ...(leaf.required ? ['required'] : []),
      ...(leaf.choices ? [`one of ${leaf.choices.join(', ')}`] : []),
      ...(leaf.fallback === null ? [] : [`default: ${leaf.fallback}`]),
      `env: ${environmentName(definition, key)}`,
    ];
    const negated = leaf.kind === 'boolean' && leaf.defaultValue === true;
    const option = new Option(
      `--${negated ? 'no-' : ''}${flag}${placeholderOf(leaf)}`,
      `${leaf.description} (${notes.join('; ')})`,
    );
    // Gathered one by one: a variadic option would swallow the positional arguments that follow it.
    if (leaf.kind === 'array') {
      option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    }
    command.addOption(option);
  }
  return command.addOption(new Option('--config <file>', 'YAML or JSON file with any of these options'));
}

/**
 * Merges defaults, file, environment and flags into one checked object.
 * @param flags as commander parsed them; `config` names the file
 * @throws OfframpError `CONFIG_INVALID` naming the option, where its value came from, what was expected
 *   and what was found; `FILE_NOT_FOUND`
 */
export async function resolveConfig<Shape extends z.ZodRawShape>(
  definition: ConfigDefinition<Shape>,
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<z.infer<z.ZodObject<Shape>>> {
  const values: Record<string, unknown> = {};
  const origin: Record<string, string> = {};
  const set = (key: string, value: unknown, from: string) => {
    values[key] = value;
    origin[key] = from;
  };
  if (typeof flags.config === 'string') {
    for (const [key, value] of Object.entries(await readConfigFile(flags.config))) {
      const camel = key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      if (!Object.hasOwn(definition.shape, camel)) {
        throw new OfframpError(
          'CONFIG_INVALID',
          `${flags.config}: unknown option ${key}; expected one of ${Object.keys(definition.shape).join(', ')}`,
        );
      }
      set(camel, value, `${key} in ${flags.config}`);
    }
  }
  for (const [key, schema] of Object.entries(definition.shape)) {
    const leaf = inspect(schema);
    const name = environmentName(definition, key);
    const fromEnvironment = environment[name];
    if (fromEnvironment !== undefined && fromEnvironment !== '')
      set(key, coerce(leaf, fromEnvironment), name);
    const fromFlag = flags[key];
    const absent =
      fromFlag === undefined || (leaf.kind === 'boolean' && leaf.defaultValue === true && fromFlag === true);
    if (!absent) set(key, coerce(leaf, fromFlag), `--${flagOf(key)}`);
  }
  const parsed = z.strictObject(definition.shape).safeParse(values);
  if (parsed.success) return parsed.data as z.infer<z.ZodObject<Shape>>;
  const issues = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    const found = values[key] === undefined ? 'nothing' : JSON.stringify(values[key]);
    return `${origin[key] ?? `--${flagOf(key)}`}: ${expectationOf(issue.message)}; found ${found}`;
  });
  throw new OfframpError('CONFIG_INVALID', issues.join('\n'));
}

/** zod's `Invalid input: expected number, received string`, without what we say ourselves. */
const expectationOf = (message: string) =>
  message
    .replace(/^Invalid (input|option): expected .*, received undefined$/, 'expected a value')
    .replace(/^Invalid (input|option): /, '')
    .replace(/, received \w+$/, '');

async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new OfframpError('FILE_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (cause) {
    throw new OfframpError('CONFIG_INVALID', `${path} is neither YAML nor JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new OfframpError('CONFIG_INVALID', `${path}: expected option names with values`);
  }
  return document as Record<string, unknown>;
}

function inspect(schema: z.core.$ZodType): Leaf {
  const meta = z.globalRegistry.get(schema);
  const description = meta?.description ?? '';
  const fallback = typeof meta?.fallback === 'string' ? meta.fallback : null;
  const definition = schema._zod.def as z.core.$ZodTypeDef & {
    innerType?: z.core.$ZodType;
    in?: z.core.$ZodType;
    element?: z.core.$ZodType;
    defaultValue?: unknown;
    entries?: Record<string, string>;
  };
  const inner = definition.innerType ?? (definition.type === 'pipe' ? definition.in : undefined);
  if (inner) {
    const leaf = inspect(inner);
    const defaultValue = definition.type === 'default' ? definition.defaultValue : leaf.defaultValue;
    const required = leaf.required && definition.type !== 'default' && definition.type !== 'optional';
    return {
      ...leaf,
      required,
      defaultValue,
      fallback: fallback ?? leaf.fallback ?? (leaf.kind === 'boolean' ? null : formatDefault(defaultValue)),
      description: description || leaf.description,
    };
  }
  const base = {
    element: null,
    choices: null,
    required: true,
    defaultValue: undefined,
    fallback,
    description,
  };
  switch (definition.type) {
    case 'number':
    case 'boolean':
      return { ...base, kind: definition.type };
    case 'enum':
      return { ...base, kind: 'enum', choices: Object.values(definition.entries ?? {}) };
    case 'array':
      return {
        ...base,
        kind: 'array',
        element: definition.element ? inspect(definition.element).kind : 'string',
      };
    default:
      return { ...base, kind: 'string' };
  }
}

function coerce(leaf: Leaf, value: unknown): unknown {
  if (leaf.kind === 'array') {
    const parts = (Array.isArray(value) ? value : [value]).flatMap((part) =>
      typeof part === 'string' ? part.split(',').map((piece) => piece.trim()) : [part],
    );
    return leaf.element === 'number' ? parts.map(toNumber) : parts;
  }
  if (leaf.kind === 'number') return toNumber(value);
  if (leaf.kind === 'boolean' && typeof value === 'string') {
    return value === 'true' || value === '1' ? true : value === 'false' || value === '0' ? false : value;
  }
  return value;
}

/** A number where the text is one; else the text, so that the error can show it. */
function toNumber(value: unknown): unknown {
  if (typeof value !== 'string' || value.trim() === '') return value;
  const number = Number(value);
  return Number.isNaN(number) ? value : number;
}

/** The flag of an option, without the dashes before it. */
export const flagOf = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const environmentName = (definition: ConfigDefinition<z.ZodRawShape>, key: string) =>
  `OFFRAMP_${definition.program}_${flagOf(key)}`.replaceAll('-', '_').toUpperCase();

function formatDefault(value: unknown): string | null {
  if (value === undefined) return null;
  return Array.isArray(value) ? value.join(',') : String(value);
}

function placeholderOf({ kind, element }: Leaf): string {
  if (kind === 'boolean') return '';
  const value = (kind === 'array' ? element : kind) === 'number' ? 'n' : 'value';
  return kind === 'array' ? ` <${value},...>` : ` <${value}>`;
}
