import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diagnose } from './findings/diagnose.js';
import { factsOf, type Situation } from './findings/testing/situation.js';
import type { Report } from './report.js';
import { prepareReportFolder, writeReport } from './write-report.js';

const times = [1, 64].map((batchSize) => ({
  ...{ batchSize, repetitions: 3, cpuMs: [1, 2, 3], wallMs: [1, 2, 3], costs: [1 / 3, 2 / 3, 1] },
}));

const situation: Situation = {
  groups: [
    { samples: 90, confidence: [0.99, 0.99], disagreements: [1, 1] },
    { samples: 10, confidence: [0.2, 0.3], disagreements: [5, 4] },
  ],
  thresholds: [0.9, 0.9],
  times,
};

function reportOf(change: Partial<Situation> = {}, name = 'made up'): Report {
  const facts = factsOf({ ...situation, ...change });
  return {
    ...facts,
    createdAt: '2026-01-02T03:04:05.000Z',
    bundle: {
      ...{ name, digest: 'd'.repeat(64), deviceStages: 1, trainedOn: 'pictures' },
      backbone: { file: 'model.onnx', sha256: 'e'.repeat(64), macs: 1000, parameters: 10 },
    },
    data: 'other pictures',
    machine: {
      ...{ cpu: 'Processor 3000', cores: 4, platform: 'linux x64' },
      ...{ nodeVersion: '20.9.0', onnxruntimeVersion: '1.2.3' },
    },
    findings: diagnose(facts),
  };
}

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'offramp-report-'));
});
afterEach(() => rm(scratch, { recursive: true }));

/** Names and texts of the written files. */
async function written(report: Report): Promise<Record<string, string>> {
  const folder = join(scratch, 'deep', 'report');
  expect(await writeReport(report, folder)).toBe(join(folder, 'report.html'));
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')])),
  );
}

describe('writeReport', () => {
  it('writes a self-contained page, and its charts as files', async () => {
    const report = reportOf();
    const { 'report.html': page = '', ...charts } = await written(report);
    expect(Object.keys(charts).sort()).toEqual([
      'agreement-cost.svg',
      ...['confidence-exit-0.svg', 'confidence-exit-1.svg'],
      'exit-cost.svg',
      'leaving.svg',
      ...['reliability-exit-0.svg', 'reliability-exit-1.svg'],
      'saving.svg',
    ]);
    expect(page.match(/<svg class="chart"/g)).toHaveLength(Object.keys(charts).length);
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:/);
    for (const text of ['Processor 3000', '20.9.0', '1.2.3', '2026-01-02 03:04 UTC', 'd'.repeat(64)]) {
      expect(page).toContain(text);
    }
    for (const { title } of report.findings) {
      expect(page.replaceAll('\u00a0', ' ')).toContain(title);
    }
  });

  it('adds a close-up if the interesting part of the curve is short', async () => {
    const steep = situation.groups.with(1, { samples: 90, confidence: [0.2, 0.3], disagreements: [80, 40] });
    expect(await written(reportOf({ groups: steep }))).toHaveProperty(['agreement-cost-close.svg']);
  });

  it.each<[string, Partial<Situation>]>([
    ['usual', {}],
    ['no time measured', { times: [] }],
    ['an exit that no sample reaches', { thresholds: [0, 0.9] }],
    ['exits switched off', { thresholds: [2, 2] }],
    ['one sample', { groups: [{ samples: 1, confidence: [1, 1], disagreements: [0, 0] }] }],
    [
      'no branches',
      { groups: [{ samples: 5, confidence: [], disagreements: [] }], thresholds: [], times: [] },
    ],
  ])('draws special cases: %s', async (_, change) => {
    for (const text of Object.values(await written(reportOf(change)))) {
      expect(text).not.toMatch(/NaN|undefined|Infinity|\[object/);
    }
  });

  it('escapes names', async () => {
    const { 'report.html': page } = await written(reportOf({}, '<script>alert(1)</script>'));
    expect(page).not.toContain('<script>');
  });

  it('names the folder that it cannot write to', async () => {
    const file = join(scratch, 'file');
    await writeFile(file, 'mine');
    const expected = { code: 'OUTPUT_FAILED', message: expect.stringContaining(file) };
    await expect(prepareReportFolder(file)).rejects.toMatchObject(expected);
    await expect(writeReport(reportOf(), file)).rejects.toMatchObject(expected);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});
