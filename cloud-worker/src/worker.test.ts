import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { type Metadata, status } from '@grpc/grpc-js';
import {
  Bundle,
  codecs,
  decodeTensor,
  elementsOf,
  encodeTensor,
  encodingsHeader,
  type PictureInput,
  parseEncodings,
  stageLayout,
  uint8Deflated,
} from '@offramp/bundle';
import { Encoding, neverExit, type ResumeRequestInit, type TensorMessage } from '@offramp/contracts';
import { packPicture, pixelsOfInput } from '@offramp/data';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  bundlePath,
  classifyCall,
  connect,
  exitOf,
  forEverMs,
  openExampleBundle,
  type ReferenceSample,
  referenceSamples,
  splittingThresholds,
  startTestWorker,
  TestStream,
} from './worker.test.kit.js';

const pictureFiles = [Encoding.ENCODING_WEBP, Encoding.ENCODING_JPEG, Encoding.ENCODING_JPEG_SOURCE] as const;

let bundle: Bundle;
let samples: ReferenceSample[];
let branches: number;

beforeAll(async () => {
  bundle = await openExampleBundle();
  branches = bundle.branches;
  samples = await referenceSamples(bundle, 24);
});

/** A valid request. */
function request(sampleId: number, changes: ResumeRequestInit = {}): ResumeRequestInit {
  const stage = changes.stage ?? 0;
  return {
    sampleId,
    bundleDigest: bundle.digestBytes,
    stage,
    tensor: samples[0]?.inputs[stage] ?? null,
    thresholds: neverExit(branches),
    policyVersion: 7,
    ...changes,
  };
}

describe('answers', () => {
  test('equal those of the cascade run alone, from any stage and in any batch', async () => {
    const worker = await startTestWorker({ maxBatch: 5, threads: 2 });
    const client = connect(worker);
    const streams = [new TestStream(client), new TestStream(client)];
    const policies = [
      splittingThresholds(samples),
      neverExit(branches),
      new Array<number>(branches).fill(0),
      bundle.manifest.policy.thresholds,
    ].map((thresholds) => [...Float32Array.from(thresholds)]);
    const cases = samples.flatMap((sample) =>
      sample.inputs.flatMap((tensor, stage) =>
        policies.map((thresholds, policyVersion) => ({ sample, tensor, stage, thresholds, policyVersion })),
      ),
    );
    const responses = await Promise.all(
      cases.map(({ tensor, stage, thresholds, policyVersion }, sampleId) =>
        (streams[sampleId % 2] as TestStream).ask(
          request(sampleId, { tensor, stage, thresholds, policyVersion }),
        ),
      ),
    );
    const exits = new Set<number>();
    responses.forEach(({ answer }, i) => {
      const { sample, stage, thresholds, policyVersion } = cases[i] as (typeof cases)[number];
      const exit = exitOf(sample, stage, thresholds);
      exits.add(exit);
      expect(answer?.exit).toBe(exit);
      expect(answer?.label).toBe(sample.outcomes[exit]?.label);
      expect(answer?.confidence).toBeCloseTo(sample.outcomes[exit]?.confidence ?? Number.NaN, 4);
      expect(answer?.policyVersion ?? 0).toBe(policyVersion);
      expect(Buffer.from(answer?.bundleDigest ?? []).toString('hex')).toBe(bundle.digest);
      expect(answer?.computeUs).toBeGreaterThan(0);
      const passed = sample.outcomes.slice(stage, exit);
      expect(answer?.passed?.map((outcome) => outcome.exit)).toEqual(passed.map((_, j) => stage + j));
      expect(answer?.passed?.map((outcome) => outcome.label)).toEqual(passed.map(({ label }) => label));
      passed.forEach(({ confidence }, j) => {
        expect(answer?.passed?.[j]?.confidence).toBeCloseTo(confidence, 4);
      });
    });
    expect(exits.size).toBe(branches + 1);
    const counts = worker.stats.counts();
    expect(counts).toMatchObject({ samples: cases.length, answered: cases.length, inFlight: 0, refused: {} });
    expect(counts.meanBatch).toBeGreaterThan(1);
    expect(counts.meanBatch).toBeLessThanOrEqual(5);
  });

  test('of Classify are those of the whole backbone', async () => {
    const client = connect(await startTestWorker());
    const responses = await Promise.all(
      samples.map(({ inputs }) =>
        classifyCall(client, { bundleDigest: bundle.digestBytes, tensor: inputs[0] ?? null }),
      ),
    );
    responses.forEach(({ answer, probabilities }, i) => {
      const sample = samples[i] as ReferenceSample;
      expect(answer).toMatchObject({ exit: branches });
      expect(answer?.label).toBe(sample.outcomes[branches]?.label);
      expect(answer?.passed).toHaveLength(branches);
      expect(probabilities).toHaveLength(bundle.manifest.labels.length);
      probabilities?.forEach((probability, label) => {
        expect(probability).toBeCloseTo(sample.probabilities[label] ?? Number.NaN, 4);
      });
    });
  });

  test('contain the time in queues and batches, whose sum is at most the total', async () => {
    const stream = new TestStream(connect(await startTestWorker({ maxBatch: 1 })));
    const sent = performance.now();
    const answers = await Promise.all(
      samples.map(async (_, sampleId) => {
        const { answer } = await stream.ask(request(sampleId));
        return { tookUs: (performance.now() - sent) * 1_000, answer };
      }),
    );
    for (const { tookUs, answer } of answers) {
      expect(answer?.computeUs).toBeGreaterThan(0);
      expect((answer?.queueUs ?? 0) + (answer?.computeUs ?? 0)).toBeLessThanOrEqual(tookUs);
    }
    expect(Math.max(...answers.map(({ answer }) => answer?.queueUs ?? 0))).toBeGreaterThan(0);
  });

  test('share batches across streams', async () => {
    const worker = await startTestWorker({ maxBatch: 4, maxWaitMs: forEverMs });
    const streams = Array.from({ length: 4 }, () => new TestStream(connect(worker)));
    await Promise.all(streams.map((stream) => stream.ask(request(1, { stage: branches }))));
    expect(worker.stats.counts()).toMatchObject({ batches: 1, meanBatch: 4 });
  });
});

describe('refusals', () => {
  test.each<[string, number, RegExp, () => ResumeRequestInit]>([
    [
      'an unknown bundle',
      status.NOT_FOUND,
      /expected one of [0-9a-f]{12}; found 0{12}/,
      () => ({ bundleDigest: new Uint8Array(32) }),
    ],
    ['no bundle', status.NOT_FOUND, /found nothing/, () => ({ bundleDigest: null })],
    [
      'a stage out of range',
      status.INVALID_ARGUMENT,
      /stage: expected 0 to \d+, found 4000000000/,
      () => ({ stage: 4_000_000_000 }),
    ],
    ['no tensor', status.INVALID_ARGUMENT, /is missing/, () => ({ tensor: null })],
    [
      'another shape',
      status.INVALID_ARGUMENT,
      /expected shape 1×28×28, found 28×28/,
      () => ({ tensor: { ...samples[0]?.inputs[0], shape: [28, 28] } }),
    ],
    [
      'another length',
      status.INVALID_ARGUMENT,
      /expected 3136 bytes of float32, found 3/,
      () => ({ tensor: { ...samples[0]?.inputs[0], data: new Uint8Array(3) } }),
    ],
    [
      'another encoding',
      status.INVALID_ARGUMENT,
      /encoding: expected/,
      () => ({ tensor: { ...samples[0]?.inputs[0], encoding: 0 } }),
    ],
    [
      'another number of thresholds',
      status.INVALID_ARGUMENT,
      /expected \d+ thresholds/,
      () => ({ thresholds: neverExit(branches + 1) }),
    ],
    [
      'a threshold that is not a number',
      status.INVALID_ARGUMENT,
      /found NaN/,
      () => ({ thresholds: new Array<number>(branches).fill(Number.NaN) }),
    ],
  ])('%s ends only that sample', async (_, code, message, changes) => {
    const worker = await startTestWorker();
    const stream = new TestStream(connect(worker));
    const [refused, answered] = await Promise.all([
      stream.ask(request(1, changes())),
      stream.ask(request(2)),
    ]);
    expect(refused.refusal).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(answered.answer).toBeTruthy();
    expect(worker.stats.counts().refused).toEqual({ [status[code] as string]: 1 });
  });

  test('a sample id already in flight is refused, and the first sample is still answered', async () => {
    const worker = await startTestWorker({ maxBatch: 2, maxWaitMs: forEverMs });
    const stream = new TestStream(connect(worker));
    stream.send(request(5));
    const { refusal } = await stream.ask(request(5));
    expect(refusal).toMatchObject({ code: status.INVALID_ARGUMENT, message: expect.stringContaining('5') });
    stream.send(request(6));
    await stream.response(6);
    expect(stream.responses.map((response) => [response.sampleId, response.result])).toEqual([
      [5, 'refusal'],
      [5, 'answer'],
      [6, 'answer'],
    ]);
  });

  test('a refused sample takes no place', async () => {
    const stream = new TestStream(connect(await startTestWorker({ maxQueue: 1 })));
    for (const id of [1, 2, 3]) {
      const { refusal } = await stream.ask(request(id, { tensor: null }));
      expect(refusal?.code).toBe(status.INVALID_ARGUMENT);
    }
    expect((await stream.ask(request(4))).answer).toBeTruthy();
  });

  test('a message that quotes the request stays short', async () => {
    const stream = new TestStream(connect(await startTestWorker()));
    const shape = new Array<number>(10_000).fill(1);
    const { refusal } = await stream.ask(request(1, { tensor: { ...samples[0]?.inputs[0], shape } }));
    expect(refusal?.message?.length).toBe(500);
  });

  test('of Classify come as its status', async () => {
    const client = connect(await startTestWorker());
    const tensor = samples[0]?.inputs[0] ?? null;
    await expect(classifyCall(client, { bundleDigest: new Uint8Array(32), tensor })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
    await expect(
      classifyCall(client, { bundleDigest: bundle.digestBytes, tensor: null }),
    ).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe('malformed messages', () => {
  test('end only their own stream, with INVALID_ARGUMENT', async () => {
    const worker = await startTestWorker({ maxBatch: 2, maxWaitMs: forEverMs });
    const client = connect(worker);
    const good = new TestStream(client);
    good.send(request(1));
    const bad = new TestStream(client, () => Buffer.from([0xff, 0xff, 0xff, 0x07, 0x42]));
    bad.send({});
    expect(await bad.status).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('expected a ResumeRequest'),
    });
    expect((await good.ask(request(2))).answer).toBeTruthy();
    expect((await good.response(1)).answer).toBeTruthy();
  });

  test('too large ends only its own stream', async () => {
    const worker = await startTestWorker();
    const client = connect(worker);
    const bad = new TestStream(client);
    bad.send(request(1, { tensor: { data: new Uint8Array(2 ** 20) } }));
    expect((await bad.status).code).toBe(status.RESOURCE_EXHAUSTED);
    expect((await new TestStream(client).ask(request(1))).answer).toBeTruthy();
  });

  test('that are not HTTP/2 close only their connection', async () => {
    const worker = await startTestWorker();
    const good = new TestStream(connect(worker));
    expect((await good.ask(request(1))).answer).toBeTruthy();
    const [host, port] = worker.address.split(':');
    const socket = connectSocket(Number(port), host);
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    socket.resume();
    socket.end('GET / HTTP/1.1\r\n\r\n');
    await closed;
    expect((await good.ask(request(2))).answer).toBeTruthy();
  });
});

describe('several bundles', () => {
  async function renamedBundle(): Promise<Bundle> {
    const directory = await mkdtemp(join(tmpdir(), 'offramp-bundle-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await cp(bundlePath, directory, { recursive: true });
    const path = join(directory, 'manifest.json');
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Bundle['manifest'];
    await writeFile(path, JSON.stringify({ ...manifest, name: 'another' }));
    return Bundle.open(directory);
  }

  test('are selected by digest', async () => {
    const other = await renamedBundle();
    const worker = await startTestWorker({ bundle: [bundlePath, other.directory] });
    const stream = new TestStream(connect(worker));
    for (const [i, { digest, digestBytes }] of [bundle, other, bundle].entries()) {
      const { answer } = await stream.ask(request(i + 1, { bundleDigest: digestBytes }));
      expect(Buffer.from(answer?.bundleDigest ?? []).toString('hex')).toBe(digest);
    }
  });

  test('must be different', async () => {
    await expect(startTestWorker({ bundle: [bundlePath, bundlePath] })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

describe('encodings', () => {
  test('are logged before the first answer', async () => {
    const stream = new TestStream(connect(await startTestWorker()));
    const metadata = await new Promise<Metadata>((resolve) => stream.call.once('metadata', resolve));
    const told = parseEncodings(metadata.get(encodingsHeader)[0]?.toString());
    for (const { encoding } of codecs) expect(told).toContain(encoding);
    for (const encoding of pictureFiles) expect(told).toContain(encoding);
  });

  test('of picture files: a packed picture and the camera’s own are answered, hostile bytes refused alone', async () => {
    const stream = new TestStream(connect(await startTestWorker()));
    const { input } = bundle.manifest as { input: PictureInput };
    const [sample] = samples as [ReferenceSample];
    const values = decodeTensor('input', stageLayout(bundle.manifest, 0), sample.inputs[0] as TensorMessage);
    const pixels = pixelsOfInput(values, input) as Uint8Array;
    const lossless = await packPicture(pixels, input, { form: 'webp-lossless' });
    const jpeg = await packPicture(pixels, input, { form: 'jpeg', quality: 90 });
    const final = sample.outcomes[branches];
    const ask = (sampleId: number, encoding: Encoding, data: Uint8Array) =>
      stream.ask(request(sampleId, { tensor: { shape: [...input.shape], encoding, data } }));
    const exact = await ask(1, Encoding.ENCODING_WEBP, lossless);
    expect(exact.answer).toMatchObject({
      ...{ exit: branches, label: final?.label, confidence: expect.closeTo(final?.confidence ?? 0, 4) },
    });
    for (const [i, encoding] of [Encoding.ENCODING_JPEG, Encoding.ENCODING_JPEG_SOURCE].entries()) {
      expect((await ask(2 + i, encoding, jpeg)).answer?.label).toBe(final?.label);
    }
    const hostile = [
      [Encoding.ENCODING_JPEG, jpeg.subarray(0, 300)],
      [Encoding.ENCODING_JPEG, lossless],
      [Encoding.ENCODING_WEBP, new Uint8Array(100)],
      [Encoding.ENCODING_JPEG_SOURCE, Uint8Array.of(0xff, 0xd8, 0xff)],
    ] as const;
    const refusals = await Promise.all(hostile.map(([encoding, data], i) => ask(10 + i, encoding, data)));
    for (const { refusal } of refusals) {
      expect(refusal?.code).toBe(status.INVALID_ARGUMENT);
      expect(refusal?.message).toMatch(/^input of stage 0: (expected|cannot be decoded)/);
    }
    expect((await ask(20, Encoding.ENCODING_WEBP, lossless)).answer).toBeTruthy();
  });

  test('are all accepted: lossless ones give the same answer, and so do inputs as 8-bit samples', async () => {
    const worker = await startTestWorker();
    const client = connect(worker);
    const stream = new TestStream(client);
    const { stages } = bundle.manifest;
    const [sample] = samples as [ReferenceSample];
    let sampleId = 0;
    for (const codec of codecs) {
      for (const stage of stages.keys()) {
        const given = sample.inputs[stage] as TensorMessage;
        const layout = stageLayout(bundle.manifest, stage);
        const values = decodeTensor('input', layout, given);
        const tensor = encodeTensor(codec, layout, values);
        const { answer, refusal } = await stream.ask(request(sampleId++, { stage, tensor }));
        expect(refusal).toBeFalsy();
        if (/float32|uint8/.test(codec.name)) {
          const final = sample.outcomes[branches];
          expect(answer).toMatchObject({
            exit: branches,
            confidence: expect.closeTo(final?.confidence ?? 0, 4),
          });
          expect(answer?.label).toBe(final?.label);
        }
      }
    }
    const layout = stageLayout(bundle.manifest, 0);
    const values = decodeTensor('input', layout, sample.inputs[0] as TensorMessage);
    const tensor = encodeTensor(uint8Deflated, layout, values);
    expect(tensor.encoding).toBe(uint8Deflated.encoding);
    const { answer } = await classifyCall(client, { bundleDigest: bundle.digestBytes, tensor });
    expect(answer?.label).toBe(sample.outcomes[branches]?.label);
  });

  test('rejects 8-bit samples in place of activations, and bytes that do not match their encoding', async () => {
    const stream = new TestStream(connect(await startTestWorker()));
    const shape = [...(bundle.manifest.stages[1]?.inputShape ?? [])];
    const refusalOf = async (sampleId: number, encoding: Encoding, data: Uint8Array) => {
      const tensor = { shape, encoding, data };
      return (await stream.ask(request(sampleId, { stage: 1, tensor }))).refusal;
    };
    const samplesRefused = await refusalOf(1, Encoding.ENCODING_UINT8, new Uint8Array(elementsOf(shape)));
    expect(samplesRefused?.code).toBe(status.INVALID_ARGUMENT);
    expect(samplesRefused?.message).toContain('which is for the input of stage 0');
    const bomb = deflateRawSync(new Uint8Array(2 ** 20));
    const bombRefused = await refusalOf(2, Encoding.ENCODING_INT4_DEFLATE, bomb);
    expect(bombRefused?.code).toBe(status.INVALID_ARGUMENT);
    // The stream continues.
    expect((await stream.ask(request(3))).answer).toBeTruthy();
  });
});
