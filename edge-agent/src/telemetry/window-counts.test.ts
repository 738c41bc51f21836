import { Bundle, exitMacs, usualInput } from '@offramp/bundle';
import { LatencySketch, v1 } from '@offramp/contracts';
import { beforeAll, expect, test } from 'vitest';
import { summarise } from '../summary.js';
import { exampleBundleDirectory } from '../testing/example.js';
import { answeredResult } from '../testing/results.js';
import { WindowCounts } from './window-counts.js';

let bundle: Bundle;
let macs: number[];
let final: number;
beforeAll(async () => {
  bundle = await Bundle.open(exampleBundleDirectory);
  macs = exitMacs(bundle.manifest);
  final = bundle.branches;
});

const at = (exit: number) => macs[exit] as number;

test('an exit on the device costs the device all stages up to it', () => {
  const counts = new WindowCounts(bundle.manifest);
  counts.countResult(answeredResult(0));
  expect(counts).toMatchObject({
    samples: 1,
    deviceMacs: at(0),
    cloudMacs: 0,
    offloaded: 0,
    offloadBytes: 0,
  });
  expect(counts.inputBytes).toBe(Math.round(usualInput(bundle.manifest).bytes));
  expect(counts.exits).toEqual(macs.map((_, exit) => (exit === 0 ? 1 : 0)));
});

test('the cost of an offloaded sample is split between device and worker, and its branches count for agreement', () => {
  const counts = new WindowCounts(bundle.manifest);
  const passed = Array.from({ length: final }, (_, exit) => ({
    exit,
    label: exit === 0 ? 5 : 4,
    confidence: 0,
  }));
  counts.countResult(
    answeredResult(final, {
      stagesRun: 1,
      byWorker: true,
      sent: { encoding: 1, bytes: 100, stage: 1, refused: false },
      passed,
      trueLabelIndex: 4,
      answer: { labelIndex: 4, offloaded: true },
    }),
  );
  expect(counts).toMatchObject({ offloaded: 1, offloadBytes: 100, labelled: 1, correct: 1 });
  expect(counts).toMatchObject({ deviceMacs: at(0), cloudMacs: at(final) - at(0) });
  expect(counts.toMessage().encodings).toEqual([{ encoding: 1, samples: 1, bytes: 100 }]);
  expect(counts.agreement).toEqual(passed.map((_, exit) => ({ compared: 1, agreed: exit === 0 ? 0 : 1 })));
});

test('a sample sent as input costs the worker all stages, and its bytes are counted separately', () => {
  const counts = new WindowCounts(bundle.manifest);
  const sent = (encoding: number, bytes: number, stage: number) =>
    counts.countResult(
      answeredResult(final, {
        stagesRun: 1,
        byWorker: true,
        sent: { encoding, bytes, stage, refused: false },
      }),
    );
  sent(21, 10, 0);
  sent(20, 30, 1);
  sent(21, 12, 0);
  expect(counts).toMatchObject({ deviceMacs: 3 * at(0), cloudMacs: 3 * at(final) - at(0) });
  expect(summarise(counts)).toMatchObject({
    offloadBytes: 52,
    encodings: {
      'uint8+deflate': { samples: 2, bytes: 22 },
      'int4+deflate': { samples: 1, bytes: 30 },
    },
  });
});

test('a sample that exits early does not count for agreement', () => {
  const counts = new WindowCounts(bundle.manifest);
  counts.countResult(answeredResult(Math.max(0, final - 1)));
  expect(counts.agreement.every(({ compared }) => compared === 0)).toBe(true);
});

test('a degraded sample that was sent counts as both, and costs only the device', () => {
  const counts = new WindowCounts(bundle.manifest);
  counts.countResult(
    answeredResult(0, {
      stagesRun: 1,
      sent: { encoding: 1, bytes: 9, stage: 1, refused: false },
      answer: { offloaded: true, degraded: true },
    }),
  );
  expect(counts).toMatchObject({ samples: 1, offloaded: 1, degraded: 1, deviceMacs: at(0), cloudMacs: 0 });
});

test('failed and refused samples do not count as samples', () => {
  const counts = new WindowCounts(bundle.manifest);
  const { answer } = answeredResult(0);
  const error = { code: 'IMAGE_INVALID' as const, message: 'x' };
  counts.countResult({ kind: 'failed', answer: { ...answer, error } });
  counts.countRefused();
  expect(counts).toMatchObject({ samples: 0, failed: 1, refused: 1 });
});

test('two merged windows equal the window that covers both', () => {
  const results = [0, final].map((exit) =>
    answeredResult(exit, {
      trueLabelIndex: 0,
      sent: { encoding: 1, bytes: 3, stage: 1, refused: false },
      answer: { latencyMs: 1 + exit },
    }),
  );
  const both = new WindowCounts(bundle.manifest);
  const merged = new WindowCounts(bundle.manifest);
  for (const result of results) {
    both.countResult(result);
    const one = new WindowCounts(bundle.manifest);
    one.countResult(result);
    one.countRefused();
    both.countRefused();
    merged.merge(one);
  }
  expect(v1.Window.encode(merged.toMessage()).finish()).toEqual(v1.Window.encode(both.toMessage()).finish());
  const sketch = LatencySketch.decode(merged.toMessage().latencySketch as Uint8Array);
  expect(sketch.count).toBe(2);
});
