import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '@offramp/augment';
import { Bundle } from '@offramp/bundle';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../main.js';
import { captureOutput } from '../testing/captured-output.js';

const example = fileURLToPath(new URL('../../../examples/fashion-mnist', import.meta.url));
const bundle = join(example, 'bundle');
const common = ['evaluate', bundle, '--data', join(example, 'data'), '--limit', '40', '--threads', '1'];

describe('offramp evaluate', () => {
  const output = captureOutput();
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'offramp-evaluate-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('prints points and the diagnosis, without measuring time', async () => {
    await main([...common, '--thresholds', '0.5,2']);
    expect(output.out).toMatch(/^threshold +accuracy +agreement +cost/m);
    expect(output.out).toMatch(/^never .* 100\.00 %/m);
    expect(output.out).toMatch(/^(problem|hint|good) +\S/m);
    expect(output.err).toContain('running every exit: 40 of 40');
    expect(output.err).not.toContain('CPU time');
  });

  it('writes the report, and prints the same as JSON', async () => {
    const args = ['--report', join(folder, 'out'), '--json', '--timing-repetitions', '2'];
    await main([...common, ...args, '--timing-batch-sizes', '1,3']);
    const report = JSON.parse(output.out) as Report;
    const { digest, branches } = await Bundle.open(bundle);
    expect(report.bundle.digest).toBe(digest);
    expect(report.samples).toBe(40);
    expect(report.exits).toHaveLength(branches);
    expect(report.times.map(({ batchSize }) => batchSize)).toEqual([1, 3]);
    expect(report.shipped.cpuCosts).toHaveLength(2);
    const page = await readFile(join(folder, 'out', 'report.html'), 'utf8');
    for (const text of [digest, report.machine.onnxruntimeVersion, report.machine.nodeVersion]) {
      expect(page).toContain(text);
    }
  });

  it('checks that the report can be written before it runs the bundle', async () => {
    await main([...common, '--report', join(bundle, 'manifest.json')]);
    expect(process.exitCode).toBe(1);
    expect(output.err).toMatch(/error \[OUTPUT_FAILED\].*manifest\.json/);
    expect(output.err).not.toContain('running every exit');
  });
});
