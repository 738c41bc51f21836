import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphEditor, writeModel } from '@offramp/augment';
import { Bundle, maxBundleNameLength, maxLabelLength, parseManifest } from '@offramp/bundle';
import { temporaryFolder } from '@offramp/runtime/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { backbonePath, bundlePath, writeFewPictures } from './support/example.js';
import { outsideLabels, writeNamedBundle } from './support/named-bundle.js';
import { expectTyped, outsideNames, runHere } from './support/outside-names.js';

describe('a bundle with such names', () => {
  it('is evaluated and planned with, on pictures in folders of such names', async () => {
    const folder = await temporaryFolder();
    const { directory } = await writeNamedBundle(folder);
    const grey = { width: 28, height: 28, channels: 3, background: 'grey' } as const;
    const picture = await sharp({ create: grey }).png().toBuffer();
    const data = join(folder, 'classes');
    const addClass = async (name: string) => {
      await mkdir(join(data, name), { recursive: true });
      await writeFile(join(data, name, 'picture.png'), picture);
    };
    for (const label of outsideLabels) if (label !== '' && !label.includes('\0')) await addClass(label);
    const evaluate = ['evaluate', directory, '--data', data];
    const plan = ['plan', directory, '--bandwidth', '2mbit', '--rtt', '40ms', '--repetitions', '3'];
    for (const command of [
      evaluate,
      [...evaluate, '--json', '--timing-repetitions', '0'],
      plan,
      [...plan, '--json'],
    ]) {
      const { code, output } = await runHere(...command);
      expect(code, output).toBeNull();
    }
    await addClass('unknown\u202e');
    expect(await runHere(...evaluate)).toMatchObject({ code: 'DATA_INVALID' });
  });

  it('is refused by rule where a name is too long or a key is unknown', async () => {
    const { manifest, manifestBytes } = await Bundle.open(bundlePath);
    const text = Buffer.from(manifestBytes).toString();
    for (const [about, name] of outsideNames) {
      const parse = (change: object) =>
        parseManifest(JSON.stringify({ ...manifest, ...change }), 'manifest.json');
      const labels = [name, ...manifest.labels.slice(1)];
      const refused = expect.objectContaining({ code: 'BUNDLE_INVALID' });
      if (name === '' || name.length > maxBundleNameLength) expect(() => parse({ name })).toThrow(refused);
      else expect(parse({ name })).toMatchObject({ name });
      if (name.length > maxLabelLength) expect(() => parse({ labels })).toThrow(refused);
      else expect(parse({ labels })).toMatchObject({ labels });
      try {
        parseManifest(text.replace('{', `{${JSON.stringify(name)}: 1,`), 'manifest.json');
        expect.unreachable(about);
      } catch (error) {
        expect(error).toEqual(refused);
        expectTyped(error as { code: string; message: string }, about);
      }
    }
  });
});

describe('a model', () => {
  function modelWith({ input, cut, output }: { input: string; cut: string; output: string }): Uint8Array {
    const editor = GraphEditor.create(input, [4], 17);
    const weight = (name: string, columns: number) =>
      editor.addInitializer(name, [4, columns], new Float32Array(4 * columns).fill(0.5));
    editor.addNode('MatMul', [input, weight(`${cut}-weight`, 4)], [cut]);
    editor.addNode('Relu', [cut], ['relu']);
    editor.addNode('Gemm', ['relu', weight('last', 3)], [output]);
    editor.addOutput(output, [3]);
    return writeModel(editor.proto);
  }

  it.each([...outsideNames])('may name its tensors %s, or is refused by rule', async (_, name) => {
    const path = join(await temporaryFolder(), 'model.onnx');
    for (const tensors of [{ input: name }, { cut: name }, { output: name }]) {
      await writeFile(path, modelWith({ input: 'input', cut: 'cut', output: 'output', ...tensors }));
      expect((await runHere('inspect', path)).code).toBe(name === '' ? 'MODEL_INVALID' : null);
    }
    const { code, output } = await runHere('inspect', path, '--json', '--output', name);
    if (name === '') expect(code).not.toBeNull();
    else expect(JSON.parse(output)).toMatchObject({ output: { name } });
  });
});

describe('offramp augment', () => {
  const training = (folder: string, out: string, ...rest: readonly string[]) => [
    ...[
      'augment',
      backbonePath,
      '--data',
      join(folder, 'data'),
      '--split',
      'test',
      '--out',
      join(folder, out),
    ],
    ...['--branches', '1', '--placement', 'linear', '--grid', '1', '--body', 'pool', '--reuse', 'none'],
    ...['--hold-out', '60', '--mean', '0.286', '--std', '0.353', '--epochs', '1', ...rest],
  ];

  it('takes such labels and names, and refuses long ones before the training', async () => {
    const folder = await temporaryFolder();
    await writeFewPictures(join(folder, 'data'), 160);
    const file = join(folder, 'labels.txt');
    // A line of the file ends at a line break, and empty ones are skipped.
    const labels = outsideLabels.map((label) => label.replace('\n', ' ') || 'none');
    await writeFile(file, labels.join('\n'));
    const name = labels.join(' ').slice(0, maxBundleNameLength);
    expect(await runHere(...training(folder, 'bundle', '--labels', file, '--name', name))).toMatchObject({
      code: null,
    });
    expect((await Bundle.open(join(folder, 'bundle'))).manifest).toMatchObject({ labels, name });
    const long = 'n'.repeat(10_000);
    await writeFile(file, [long, ...labels.slice(1)].join('\n'));
    for (const rest of [
      ['--labels', file],
      ['--name', long],
      ['--name', ''],
    ]) {
      expect(await runHere(...training(folder, 'other', ...rest))).toMatchObject({
        code: 'CONFIG_INVALID',
      });
    }
  });
});
