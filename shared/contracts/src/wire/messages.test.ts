import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { decoded } from '../testing/decoded.js';
import { DDSketch, type ResumeResponse, v1 } from './messages.js';

const protoFolder = fileURLToPath(new URL('../../../../proto/', import.meta.url));
const root = protobuf.loadSync(
  ['offramp/v1/offload.proto', 'offramp/v1/fleet.proto', 'ddsketch.proto'].map((file) => protoFolder + file),
);
const types = root.nestedArray.flatMap(function below(object): protobuf.Type[] {
  if (object instanceof protobuf.Type) return [object];
  return object instanceof protobuf.Namespace ? object.nestedArray.flatMap(below) : [];
});
const named = { ...v1, DDSketch } as unknown as Record<string, typeof v1.Window>;

const defaults: Record<string, unknown> = { string: '', bool: false, bytes: new Uint8Array(0) };

/** What proto3 says of a field that is absent. */
function defaultOf(field: protobuf.Field): unknown {
  if (field.map) return {};
  if (field.repeated) return [];
  if (field.resolve().resolvedType instanceof protobuf.Type || field.partOf) return null;
  return defaults[field.type] ?? 0;
}

describe.each(types.filter(({ name }) => name in named).map((type) => [type.name, type] as const))(
  '%s',
  (name, { fieldsArray }) => {
    test('has every field with its default where nothing was written', () => {
      const message = named[name]?.decode(new Uint8Array(0)) as unknown as Record<string, unknown>;
      for (const field of fieldsArray) {
        const found = message[field.name];
        const plain = found instanceof Uint8Array ? new Uint8Array(found) : found;
        expect({ [field.name]: plain }).toEqual({ [field.name]: defaultOf(field) });
      }
    });

    test('has 64-bit integers of the kind that is read as a number only', () => {
      const wide = fieldsArray.filter(({ type }) => type.endsWith('64'));
      expect(wide.map(({ type }) => type)).toEqual(wide.map(() => 'uint64'));
    });
  },
);

describe('64-bit integers', () => {
  test.each([0, 1, 127, 128, 2 ** 32, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER])(
    '%d is read as it was',
    (count) => {
      const window = decoded(v1.Window, { samples: count, exits: [count, 1, count] });
      expect(window.samples).toBe(count);
      expect(window.exits).toEqual([count, 1, count]);
    },
  );

  test('in repeated fields may be packed or not', () => {
    expect(v1.Window.decode(Uint8Array.of(0x10, 3, 0x10, 4)).exits).toEqual([3, 4]);
  });

  test('from 2^53 on are refused, not rounded', () => {
    const smallest = Uint8Array.of(0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10);
    const refusal = expect.objectContaining({
      name: 'UnsafeIntegerError',
      message: expect.stringContaining('expected an integer below 2^53'),
    });
    expect(() => v1.Window.decode(smallest)).toThrow(refusal);
    const largest = Uint8Array.of(0x12, 10, ...new Array<number>(9).fill(0xff), 1);
    expect(() => v1.Window.decode(largest)).toThrow(refusal);
  });

  test('that end too early or too late are refused', () => {
    expect(() => v1.Window.decode(Uint8Array.of(0x08, 0x80))).toThrow(RangeError);
    expect(() => v1.Window.decode(Uint8Array.of(0x08, ...new Array<number>(10).fill(0x80), 0))).toThrow(
      RangeError,
    );
  });
});

test('the name of a oneof tells which of its fields is there', () => {
  const answered = decoded(v1.ResumeResponse, { sampleId: 1, answer: { label: 3 } });
  expect([answered.result, answered.answer?.label, answered.refusal]).toEqual(['answer', 3, null]);
  if (answered.result === 'answer') expectTypeOf(answered.answer.exit).toEqualTypeOf<number>();
  expect(decoded(v1.ResumeResponse).result).toBeUndefined();
  expectTypeOf<ResumeResponse['refusal']>().toBeNullable();
});
