import {
  decodeTensor,
  elementsOf,
  encodeTensor,
  float32,
  formatShape,
  type InputSpecification,
} from '@offramp/bundle';
import { fittedFromFile, normalise, type PictureDecoder } from '@offramp/data';
import { messageOf, OfframpError } from '@offramp/runtime';
import type { LoadedSample } from '../pipeline/loaded-sample.js';

/** A kind of request body. */
export interface BodyFormat {
  /** As Fastify matches it. */
  mediaType: string | RegExp;
  /** For messages. */
  name: string;
  /**
   * Converts a body to the model's input.
   * @param name of the sample, for messages
   * @throws OfframpError `IMAGE_INVALID`, `TENSOR_INVALID`
   */
  read(body: Uint8Array, name: string): LoadedSample | Promise<LoadedSample>;
}

/** More characters than a number in JSON needs, including its separator. */
const maxJsonBytesPerNumber = 40;

/**
 * The formats of a sample: that of the model's data, or the model's input itself, already preprocessed.
 * @param decoder for pictures
 */
export function bodyFormats(input: InputSpecification, decoder: PictureDecoder): BodyFormat[] {
  const preprocessed: BodyFormat = {
    mediaType: 'application/x-offramp-tensor',
    name: 'application/x-offramp-tensor',
    read: (body) => ({ input: readNumbers(body, input) }),
  };
  if (input.kind === 'tensor') {
    return [
      {
        mediaType: 'application/octet-stream',
        name: 'application/octet-stream (float32)',
        read: (body) => ({ input: normalise(readNumbers(body, input), input) }),
      },
      {
        mediaType: 'application/json',
        name: 'application/json (numbers)',
        read: (body) => ({ input: normalise(readJson(body, input), input) }),
      },
      preprocessed,
    ];
  }
  const read = async (body: Uint8Array, name: string) => {
    const decoded = await decoder.decodeFitted(body, input, name);
    const { values, ...rest } = fittedFromFile(body, decoded, input);
    return { input: normalise(values, input), ...rest };
  };
  return [
    { mediaType: /^image\//, name: 'image/*', read },
    { mediaType: 'application/octet-stream', name: 'application/octet-stream (a picture)', read },
    preprocessed,
  ];
}

/** Little-endian float32, row-major. */
function readNumbers(body: Uint8Array, input: InputSpecification): Float32Array {
  const { shape } = input;
  return decodeTensor(
    'body',
    { shape, input },
    { shape: [...shape], encoding: float32.encoding, data: body },
  );
}

/** Numbers in one array, or in arrays of arrays as the shape has it. */
function readJson(body: Uint8Array, input: InputSpecification): Float32Array {
  const { shape } = input;
  const count = elementsOf(shape);
  const expected = `${count} numbers${shape.length > 1 ? `, or arrays of ${formatShape(shape)}` : ''}`;
  const most = maxJsonBytesPerNumber * (count + 1);
  if (body.byteLength > most) throw notNumbers(expected, `${body.byteLength} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (cause) {
    throw notNumbers(expected, `no JSON: ${messageOf(cause)}`);
  }
  const isFlat = Array.isArray(json) && !Array.isArray(json[0]);
  const values = flattened(json, isFlat ? [count] : shape);
  if (!values) throw notNumbers(expected, describe(json));
  const tensor = encodeTensor(float32, { shape, input }, Float32Array.from(values));
  return decodeTensor('body', { shape, input }, tensor);
}

/** @returns `null` for anything but numbers in arrays of this shape */
function flattened(json: unknown, [length, ...rest]: readonly number[]): number[] | null {
  if (length === undefined) return typeof json === 'number' ? [json] : null;
  if (!Array.isArray(json) || json.length !== length) return null;
  const values: number[] = [];
  for (const entry of json) {
    const inner = flattened(entry, rest);
    if (!inner) return null;
    for (const value of inner) values.push(value);
  }
  return values;
}

function describe(json: unknown): string {
  if (!Array.isArray(json)) return json === null ? 'null' : `a value of type ${typeof json}`;
  const [first] = json;
  return `${json.length} values${Array.isArray(first) ? `, the first an array of ${first.length}` : ''}`;
}

function notNumbers(expected: string, found: string): OfframpError {
  return new OfframpError('TENSOR_INVALID', `body: expected ${expected}; found ${found}`);
}
