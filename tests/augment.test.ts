import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphEditor, writeModel } from '@offramp/augment';
import { withoutNumbers, writeSmallBackbone } from '@offramp/augment/testing';
import { Bundle } from '@offramp/bundle';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  bin,
  CommandLine,
  type Ended,
  expectError,
  expectNoStack,
  offramp,
  runHere,
} from './support/command-line.js';
import { backbonePath, bundlePath, temporaryFolder, writeFewPictures } from './support/example.js';

const pictures = 260;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let smallBackbone: string;
const within = (...names: string[]) => join(folder.path, ...names);
const training = (out: string, ...rest: string[]) => [
  ...['augment', smallBackbone, '--data', within('data'), '--split', 'test', '--out', out],
  ...['--branches', '2', '--placement', 'linear', '--grid', '2', '--hold-out', '100', '--mean', '0.286'],
  ...(rest.includes('--std') ? rest : ['--std', '0.353', ...rest]),
];
const pooled = ['--body', 'pool', '--reuse', 'none'];
const convolution = ['--body', 'conv1', '--batch-size', '32', '--flip'];

beforeAll(async () => {
  folder = await temporaryFolder();
  smallBackbone = await writeSmallBackbone(folder.path);
  await writeFewPictures(within('data'), pictures);
});

afterAll(() => folder.remove());

describe('offramp augment with its default recipe', () => {
  it('tries branches, trains those that pay, and says what came of it', async () => {
    const out = within('recipe');
    const ended = await offramp(
      ...['augment', backbonePath, '--data', within('data'), '--split', 'test', '--out', out],
      ...['--hold-out', '100', '--mean', '0.286', '--std', '0.353', '--epochs', '1', '--batch-size', '32'],
      ...['--agreement', '0.5', '--branches', '2'],
    );
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(/trial: training the branches: 10 of 10/);
    expect(ended.stdout).toMatch(/exit 0 .* leave/);
    const { manifest } = await Bundle.open(out);
    expect(manifest.provenance.options).toMatchObject({
      placement: 'auto',
      reuse: 'linear',
      loss: 'separate',
    });
    // Some of the held-out pictures judged the trial.
    expect(manifest.calibration.samples).toBe(80);
    await rm(out, { recursive: true });
  });
});

describe('offramp augment with few held-out pictures', () => {
  it('says first that they prove no such agreement, how many would, and what they can prove', async () => {
    const running = new CommandLine(
      ...['augment', backbonePath, '--data', within('data'), '--split', 'test', '--out', within('few')],
      ...['--hold-out', '48', '--mean', '0.286', '--std', '0.353', '--epochs', '1000'],
    );
    await running.output(/agreement 0.89\d at most\n/);
    expect(running.stderr.split('\n').slice(0, 3)).toEqual([
      'warning: 38 held-out samples cannot prove agreement 0.98 with certainty 0.95: no sample will leave early',
      '  200 would do, if none of those that leave early disagrees, beside 50 that judge branches: hold out 250 or more',
      '  38 prove agreement 0.894 at most',
    ]);
    // Long before the end of its training.
    expect((await running.interrupt()).status).toBe(130);
  });
});

describe('offramp augment of a model that leaves height and width open', () => {
  it('takes them by --input-shape, and says which it takes where they are wrong', async () => {
    const model = within('open.onnx');
    await writeFile(model, openSides());
    const [command = '', , ...rest] = training(within('open'), ...pooled, '--epochs', '1');
    const without = await runHere(command, model, ...rest);
    expectError(without, 'MODEL_UNSUPPORTED', 'expected a fixed sample shape');
    expect(without.stderr).toContain('--input-shape');
    const wrong = await runHere(command, model, ...rest, '--input-shape', '3,28,28');
    expectError(wrong, 'CONFIG_INVALID', '--input-shape: found 3,28,28');
    expect(wrong.stderr).toContain('the model takes 1,28,28');
    const ended = await runHere(command, model, ...rest, '--input-shape', '1,28,28');
    expect(ended.status, ended.stderr).toBe(0);
    expect((await Bundle.open(within('open'))).manifest.input.shape).toEqual([1, 28, 28]);
  });
});

describe('offramp augment for a cost', () => {
  it('says so when it cannot be kept to, and refuses a cost that is no share', async () => {
    const out = within('cost');
    const ended = await offramp(...training(out, ...pooled, '--epochs', '1', '--cost', '0.01'));
    expect(ended.status, ended.stderr).toBe(0);
    expect(ended.stderr).toMatch(
      /warning: no thresholds keep to a cost of 1.0 % .* leaves at the first exit/,
    );
    await rm(out, { recursive: true });
    expectError(await runHere(...training(out, '--cost', '30')), 'CONFIG_INVALID', '--cost');
  });
});

describe('offramp augment, interrupted', () => {
  it('leaves a checkpoint, says how to go on, and --resume does', async () => {
    const out = within('interrupted');
    const checkpoint = `${out}.checkpoint`;
    // Often enough that there is one after the first step.
    const rest = [...convolution, '--epochs', '8', '--checkpoint-minutes'];
    const args = training(out, ...rest, '0.0001');
    const first = new CommandLine(...args);
    await vi.waitUntil(() => existsSync(checkpoint), { timeout: 60_000, interval: 5 });
    const stopped = await first.interrupt();
    expect(stopped.status, stopped.stderr).toBe(130);
    expect(stopped.stderr).toContain(`the training so far is in ${checkpoint}`);
    expect(stopped.stderr).toContain('--resume');
    expectNoStack(stopped);
    expect((await readdir(folder.path)).filter((name) => name.startsWith('interrupted'))).toEqual([
      'interrupted.checkpoint',
    ]);

    expectError(await runHere(...args, '--resume', '--seed', '2'), 'CONFIG_INVALID', /seed 1, now 2$/);
    await cp(checkpoint, within('cut.checkpoint'));
    await truncate(within('cut.checkpoint'), 10_000);
    const cut = training(within('cut'), ...convolution, '--epochs', '8', '--resume');
    expectError(await runHere(...cut), 'CHECKPOINT_INVALID', /cut.checkpoint: expected \d+ bytes of state/);

    const anew = new CommandLine(...training(out, ...rest, '0'));
    await anew.output(/interrupted.checkpoint was left by an interrupted training; --resume/);
    expect((await anew.interrupt('SIGTERM')).status).toBe(143);

    const resumed = await offramp(...args, '--resume');
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/training the branches: 40 of 40 in .* loss \d\.\d+ agree \d+ \d+ %/);
    expect(existsSync(checkpoint)).toBe(false);
    expect((await Bundle.open(out)).branches).toBe(2);
  });

  it('says so where there is nothing to go on from', async () => {
    const ended = await runHere(...training(within('nothing'), '--resume'));
    expectError(ended, 'FILE_NOT_FOUND', 'no checkpoint at');
  });
});

describe('offramp augment, when it cannot succeed', () => {
  it('keeps the bundle that was there when the disk refuses', async () => {
    const out = within('full');
    await cp(bundlePath, out, { recursive: true });
    const { digest } = await Bundle.open(out);
    // The limit of a file, in blocks of 512 bytes: no stage fits.
    const ended = await limited(8, ...training(out, ...pooled, '--epochs', '1'));
    expectError(ended, 'OUTPUT_FAILED', `cannot write the bundle ${out}: EFBIG`);
    expect(ended.stderr).toContain('An existing bundle there is unchanged');
    expect((await Bundle.open(out)).digest).toBe(digest);
    expect((await readdir(folder.path)).filter((name) => name.startsWith('full'))).toEqual(['full']);
  });

  it('refuses to write into a file before it trains', async () => {
    const out = within('data', 't10k-labels-idx1-ubyte', 'bundle');
    expectError(await runHere(...training(out)), 'CONFIG_INVALID', 'lies in a file');
  });

  it('says so when the backbone gives no numbers', async () => {
    const model = within('numberless.onnx');
    await writeFile(model, withoutNumbers(await readFile(backbonePath)));
    const [command = '', , ...rest] = training(within('numberless'));
    const ended = await runHere(command, model, ...rest);
    expectError(ended, 'TRAINING_FAILED', "the backbone's output contains values that are not numbers");
    expect(ended.stderr).toContain('preprocessing');
    expect((await readdir(folder.path)).filter((name) => name.startsWith('numberless'))).toEqual([
      'numberless.onnx',
    ]);
  });
});

/** Two convolutions and a linear classifier of 10 classes; only the input's rank is declared. */
function openSides(): Uint8Array {
  const g = GraphEditor.create('picture', [1, 28, 28], 17);
  const weight = (name: string, ...dims: number[]) => {
    const length = dims.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, (_, i) => Math.cos(7 * i) / 2);
    return g.addInitializer(name, dims, values);
  };
  g.addNode('Conv', ['picture', weight('first', 8, 1, 3, 3)], ['a']);
  g.addNode('Relu', ['a'], ['b']);
  g.addNode('Conv', ['b', weight('second', 16, 8, 3, 3)], ['c'], { strides: { ints: [2, 2] } });
  g.addNode('Relu', ['c'], ['d']);
  g.addNode('Conv', ['d', weight('third', 16, 16, 3, 3)], ['e'], { strides: { ints: [2, 2] } });
  g.addNode('GlobalAveragePool', ['e'], ['f']);
  g.addNode('Flatten', ['f'], ['g']);
  g.addNode('Gemm', ['g', weight('last', 16, 10)], ['logits']);
  g.addOutput('logits', [10]);
  for (const dimension of g.graph.input[0]?.type?.tensorType?.shape?.dim.slice(1) ?? []) {
    Object.assign(dimension, { dimValue: undefined, dimParam: 'side' });
  }
  return writeModel(g.proto);
}

/** Runs a command that cannot write files larger than `blocks` × 512 bytes. */
function limited(blocks: number, ...args: string[]): Promise<Ended> {
  const limit = ['-c', 'ulimit -f "$1"; shift; exec "$@"', 'sh', String(blocks)];
  return new Promise((resolve) => {
    execFile('sh', [...limit, process.execPath, bin, ...args], (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
