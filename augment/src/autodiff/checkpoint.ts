import { formatShape } from '@offramp/bundle';
import { messageOf } from '@offramp/runtime';
import { z } from 'zod';
import { fail } from './tensor.js';

const headerSchema = z.object({
  format: z.literal('offramp-training-1'),
  /** Number of steps taken. */
  steps: z.int().min(0),
  /** The vectors' contents, in order. */
  vectors: z.array(
    z.object({
      name: z.string(),
      variables: z.array(z.object({ name: z.string(), shape: z.array(z.int()) })),
      length: z.int().min(0),
    }),
  ),
});

/** A training's state between two steps. */
export interface Checkpoint {
  steps: number;
  vectors: {
    name: string;
    variables: { name: string; shape: readonly number[] }[];
    values: Float32Array;
  }[];
}

/** Length of the header (uint32, little-endian), header (JSON, padded to 4 bytes), float32 values. */
export function writeCheckpoint({ steps, vectors }: Checkpoint): Uint8Array {
  const header = JSON.stringify({
    format: 'offramp-training-1',
    steps,
    vectors: vectors.map(({ name, variables, values }) => ({ name, variables, length: values.length })),
  });
  const length = Math.ceil(Buffer.byteLength(header) / 4) * 4;
  const start = Buffer.alloc(4 + length, ' ');
  start.writeUInt32LE(length);
  start.write(header, 4);
  return Buffer.concat([
    start,
    ...vectors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
  ]);
}

/**
 * @param expected the expected vectors
 * @returns the number of steps and, per vector, its values
 * @throws OfframpError `TENSOR_INVALID` for bytes that are not a checkpoint, or one of another graph
 */
export function readCheckpoint(
  bytes: Uint8Array,
  expected: readonly Omit<Checkpoint['vectors'][number], 'values'>[],
): { steps: number; values: Float32Array[] } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = buffer.length >= 4 ? buffer.readUInt32LE() : 0;
  const { steps, vectors } = headerOf(buffer.subarray(4, 4 + headerLength));
  const contents = (list: typeof expected) =>
    list
      .map(
        ({ name, variables }) =>
          `${name}: ${variables.map((each) => `${each.name} ${formatShape(each.shape)}`).join(', ')}`,
      )
      .join('; ');
  if (contents(vectors) !== contents(expected)) {
    fail('checkpoint', `expected ${contents(expected)}; found ${contents(vectors)}`);
  }
  const total = vectors.reduce((sum, { length }) => sum + length, 0);
  const found = buffer.length - 4 - headerLength;
  if (found !== total * Float32Array.BYTES_PER_ELEMENT) {
    fail('checkpoint', `expected ${total * Float32Array.BYTES_PER_ELEMENT} bytes of values, found ${found}`);
  }
  let offset = 4 + headerLength;
  const values = vectors.map(({ length }) => {
    const end = offset + length * Float32Array.BYTES_PER_ELEMENT;
    const part = new Float32Array(new Uint8Array(buffer.subarray(offset, end)).buffer);
    offset = end;
    return part;
  });
  return { steps, values };
}

function headerOf(bytes: Buffer): z.output<typeof headerSchema> {
  try {
    return headerSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    return fail('checkpoint', `expected a checkpoint's header: ${messageOf(error)}`);
  }
}
