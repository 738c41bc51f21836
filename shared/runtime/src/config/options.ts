import { type Command, Option } from 'commander';
import { z } from 'zod';
import { messageOf, OfframpError } from '../errors/offramp-error.js';
import { shortText } from '../errors/readable-text.js';
import { redactUrl } from '../errors/redact-urls.js';
import { readTextFile } from '../files/read-file.js';
import { type OptionSchema, optionSchemas } from './option-schema.js';

/**
 * A program's configuration: one zod schema per option. Flags, environment variables, the keys of the
 * configuration file and `--help` follow from it. `describe()` each schema. Give its default with `default()`;
 * where the default depends on something, say so in words: `meta({ description, fallback })`. Flags win over
 * the environment, the environment over the file, the file over defaults.
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

const maxConfigBytes = 2 ** 20;

/** Adds a flag for every option, and `--config FILE`, to a command. */
export function addConfigOptions(command: Command, definition: ConfigDefinition<z.ZodRawShape>): Command {
  for (const [key, schema] of optionSchemas(definition.shape)) {
    const notes = [
      ...(schema.required ? ['required'] : []),
      ...(schema.choices ? [`one of ${schema.choices.join(', ')}`] : []),
      ...(schema.range === null ? [] : [schema.range]),
      ...(schema.fallback === null ? [] : [`default: ${schema.fallback}`]),
      `env: ${environmentName(definition, key)}`,
    ];
    const option = new Option(
      `--${isNegated(schema) ? 'no-' : ''}${flagOf(key)}${placeholderOf(schema)}`,
      `${schema.description} (${notes.join('; ')})`,
    );
    // One value per flag: a variadic option would swallow the positional arguments that follow it.
    if (schema.kind === 'array') {
      option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
    } else if (schema.kind !== 'boolean') takeOneValue(option);
    command.addOption(option);
  }
  return command.addOption(
    takeOneValue(new Option('--config <file>', 'YAML or JSON file with any of these options')),
  );
}

/** Refuses an option that is given twice, of which one value would be lost. */
function takeOneValue(option: Option): Option {
  return option.argParser((value: string, before: string | undefined) => {
    if (before === undefined) return value;
    throw givenTwice(`--${option.name()}`, before, value);
  });
}

const givenTwice = (where: string, first: unknown, second: unknown) =>
  new OfframpError(
    'CONFIG_INVALID',
    `${where}: expected one value; found ${shown(first)} and ${shown(second)}`,
  );

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
  const given = new Map<string, { value: unknown; from: string }>();
  const set = (key: string, value: unknown, from: string) => given.set(key, { value, from });
  if (typeof flags.config === 'string') {
    for (const [key, value] of Object.entries(await readConfigFile(flags.config))) {
      const camel = key.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      if (!Object.hasOwn(definition.shape, camel)) {
        throw new OfframpError(
          'CONFIG_INVALID',
          `${flags.config}: unknown option ${shortText(key, maxShownLength)}; expected one of ${Object.keys(definition.shape).join(', ')}`,
        );
      }
      const where = `${key} in ${flags.config}`;
      const before = given.get(camel);
      if (before) throw givenTwice(where, before.value, value);
      set(camel, value, where);
    }
  }
  const schemas = optionSchemas(definition.shape);
  for (const [key, schema] of schemas) {
    const name = environmentName(definition, key);
    const fromEnvironment = environment[name];
    if (fromEnvironment !== undefined && fromEnvironment !== '')
      set(key, coerce(schema, fromEnvironment), name);
    const fromFlag = flags[key];
    // commander sets the flag of a `--no-…` option to true where it is not given.
    const absent = fromFlag === undefined || (isNegated(schema) && fromFlag === true);
    if (!absent) set(key, coerce(schema, fromFlag), `--${flagOf(key)}`);
  }
  const parsed = z
    .strictObject(definition.shape)
    .safeParse(Object.fromEntries([...given].map(([key, { value }]) => [key, value])));
  if (parsed.success) return parsed.data as z.infer<z.ZodObject<Shape>>;
  const issues = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0]);
    const range = beyondRange(issue) ? schemas.get(key)?.range : null;
    const expected = range ? `expected ${range}` : expectationOf(issue.message);
    const { from = `--${flagOf(key)}`, value } = given.get(key) ?? {};
    return `${from}: ${expected}; found ${shown(value)}`;
  });
  throw new OfframpError('CONFIG_INVALID', issues.join('\n'));
}

/** Whether the value of an option, and not an element of it, lies outside of what `--help` says. */
const beyondRange = ({ code, path }: z.core.$ZodIssue) =>
  path.length === 1 && (code === 'too_big' || code === 'too_small');

/** Of a value in an error. */
const maxShownLength = 200;

/** JSON has no infinity. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'number'
    ? String(value)
    : shortText(
        JSON.stringify(value, (_, part) => (typeof part === 'string' ? redactUrl(part) : part)),
        maxShownLength,
      );
}

/** zod's `Invalid input: expected number, received string`, without what we say ourselves. */
const expectationOf = (message: string) =>
  message
    .replace(/^Invalid (input|option): expected .*, received undefined$/, 'expected a value')
    .replace(/^Invalid (input|option): /, '')
    .replace(/, received \w+$/, '');

async function readConfigFile(path: string): Promise<object> {
  const text = await readTextFile(path, maxConfigBytes).catch((cause: unknown) => {
    throw new OfframpError('FILE_NOT_FOUND', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  const document = await yamlOf(path, text);
  if (document === null) return {};
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new OfframpError('CONFIG_INVALID', `${path}: expected option names with values`);
  }
  return document;
}

/** An excerpt of the file could show a part of a password: errors have the place. */
async function yamlOf(path: string, text: string): Promise<unknown> {
  const { LineCounter, parse, YAMLError } = await import('yaml');
  const lineCounter = new LineCounter();
  try {
    return parse(text, { lineCounter, prettyErrors: false });
  } catch (cause) {
    const { line, col } = lineCounter.linePos(cause instanceof YAMLError ? cause.pos[0] : 0);
    const where = `line ${line}, column ${col}`;
    throw new OfframpError(
      'CONFIG_INVALID',
      `${path} is neither YAML nor JSON: ${messageOf(cause)} (${where})`,
    );
  }
}

/** Whether the flag switches off what is on by default. */
const isNegated = ({ kind, defaultValue }: OptionSchema) => kind === 'boolean' && defaultValue === true;

function coerce({ kind, numericElements }: OptionSchema, value: unknown): unknown {
  if (kind === 'array') {
    const parts = (Array.isArray(value) ? value : [value]).flatMap((part) =>
      typeof part === 'string' ? part.split(',').map((piece) => piece.trim()) : [part],
    );
    return numericElements ? parts.map(toNumber) : parts;
  }
  if (kind === 'number') return toNumber(value);
  if (kind === 'boolean' && typeof value === 'string') {
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

function placeholderOf({ kind, numericElements }: OptionSchema): string {
  if (kind === 'boolean') return '';
  const value = kind === 'number' || numericElements ? 'n' : 'value';
  return kind === 'array' ? ` <${value},...>` : ` <${value}>`;
}
