import { describe, expect, it } from 'vitest';
import { planMemory } from './memory-plan.js';

const MiB = 2 ** 20;
const backbone = (parameters: number, samplePeakBytes: number) =>
  ({
    model: { where: 'net.onnx' },
    input: { shape: [3, 224, 224] },
    parameters,
    samplePeakBytes,
    cutPoints: [{ shape: [64, 56, 56] }],
  }) as unknown as Parameters<typeof planMemory>[0];

describe('planMemory', () => {
  it.each([
    [3.5e6, 10 * MiB, 2048],
    [25e6, 10 * MiB, 2048],
    [1e5, 100_000, 1024],
    [80e6, 60 * MiB, 4096],
  ])(
    'divides what program and weights leave: %d weights, %d bytes a sample, %d MiB',
    (parameters, sample, total) => {
      const plan = planMemory(backbone(parameters, sample), total * MiB);
      const { program, weights, backboneRun, step, pictures, features, backboneBatch } = plan;
      expect(program + weights + backboneRun + step + pictures).toBeLessThanOrEqual(total * MiB);
      expect(program + weights + backboneRun + features).toBeLessThanOrEqual(total * MiB);
      expect(backboneRun).toBeGreaterThan(backboneBatch * sample);
      expect(backboneBatch).toBeGreaterThanOrEqual(1);
      expect(backboneBatch).toBeLessThanOrEqual(128);
    },
  );

  it('runs fewer samples at a time in less memory, and refuses less than one takes', () => {
    const net = backbone(3.5e6, 20 * MiB);
    const batches = [4096, 2048, 1024].map((total) => planMemory(net, total * MiB).backboneBatch);
    expect(batches).toEqual(batches.toSorted((a, b) => b - a));
    const refused = () => planMemory(net, 600 * MiB);
    expect(refused).toThrow(/--memory: expected at least \d+ MiB for net.onnx; found 600 MiB/);
    const least = Number(/at least (\d+) MiB/.exec(messageOf(refused))?.[1]);
    expect(planMemory(net, least * MiB).backboneBatch).toBe(1);
  });
});

function messageOf(job: () => unknown): string {
  try {
    job();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}
