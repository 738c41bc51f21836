import { execFile, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Bundle, elementsOf, InferencePool, runStage } from '@offramp/bundle';
import { type ExitOutcome, leaves, offloadServiceName } from '@offramp/contracts';
import { openDataset, preprocess } from '@offramp/data';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startedWorker } from './support/command-line.js';
import { bundlePath, picturesPath, temporaryFolder } from './support/example.js';

const run = promisify(execFile);
const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** The system's own: it is the one that finds Debian's packages. */
const python = '/usr/bin/python3';
const packages = 'python3-grpcio python3-grpc-tools';
const pictures = 6;

const isMissing = await run(python, ['-c', 'import grpc, grpc_tools']).then(
  () => false,
  () => true,
);
if (isMissing && process.env.CI !== 'true') {
  console.warn(`skipped: a client in Python: it needs Debian's ${packages}`);
}

/** One picture: what each stage is given, and what each exit says. */
interface Reference {
  inputs: { stage: number; shape: number[]; data: string }[];
  outcomes: ExitOutcome[];
  probabilities: number[];
}

interface PythonAnswer {
  label: number;
  exit: number;
  confidence: number;
  bundleDigest: string;
  policyVersion: number;
  passed: number[];
}

interface Report {
  classified: (PythonAnswer & { probabilities: number[] })[];
  resumed: (PythonAnswer & { refusal?: number })[];
  health: string;
  services: string[];
}

describe.skipIf(isMissing && process.env.CI !== 'true')('a client in Python, made from the contracts', () => {
  let bundle: Bundle;
  let references: Reference[];
  let generated: Awaited<ReturnType<typeof temporaryFolder>>;

  beforeAll(async () => {
    if (isMissing) throw new Error(`expected ${python} with Debian's ${packages}`);
    bundle = await Bundle.open(bundlePath);
    references = await referencesOf(bundle);
    generated = await temporaryFolder();
    await generate(generated.path);
  });

  afterAll(() => generated?.remove());

  it('gets the answers of the cascade from Classify and Resume, and is answered by health and reflection', async () => {
    const { address } = await startedWorker(bundlePath);
    const { thresholds } = bundle.manifest.policy;
    const firsts = references.map(({ inputs }) => inputs[0]);
    const later = references.map(({ inputs }, i) => inputs[1 + (i % bundle.branches)]);
    const report = await askInPython(address, generated.path, {
      bundleDigest: bundle.digest,
      inputs: firsts,
      activations: later,
      thresholds,
      service: offloadServiceName,
    });

    report.classified.forEach((answer, i) => {
      const { outcomes, probabilities } = references[i] as Reference;
      expectOutcome(answer, outcomes.at(-1));
      expect(answer.passed).toEqual(Array.from({ length: bundle.branches }, (_, exit) => exit));
      expect(answer.probabilities).toHaveLength(bundle.manifest.labels.length);
      answer.probabilities.forEach((probability, label) => {
        expect(probability).toBeCloseTo(probabilities[label] ?? Number.NaN, 4);
      });
    });

    const refused = report.resumed.pop();
    expect(refused).toEqual({ refusal: 5 });
    [...firsts, ...later].forEach((sent, i) => {
      const { outcomes } = references[i % pictures] as Reference;
      const from = sent?.stage ?? 0;
      const left = outcomes.find(
        ({ exit, confidence }) =>
          exit >= from && (exit === bundle.branches || leaves(confidence, thresholds[exit] ?? 2)),
      );
      expectOutcome(report.resumed[i] as PythonAnswer, left);
      expect(report.resumed[i]?.policyVersion).toBe(7);
    });

    expect(report.health).toBe('SERVING');
    expect(report.services).toContain(offloadServiceName);
  });

  function expectOutcome(answer: PythonAnswer, outcome: ExitOutcome | undefined): void {
    expect(answer).toMatchObject({
      label: outcome?.label,
      exit: outcome?.exit,
      bundleDigest: bundle.digest,
      confidence: expect.closeTo(outcome?.confidence ?? Number.NaN, 4),
    });
  }
});

/** Runs the first pictures through all stages, one by one. */
async function referencesOf(bundle: Bundle): Promise<Reference[]> {
  const { input, stages } = bundle.manifest;
  const dataset = await openDataset(picturesPath, {
    split: 'test',
    channels: input.shape[0] === 1 ? 1 : 3,
  });
  const pool = await InferencePool.create(bundle);
  const references: Reference[] = [];
  try {
    for (let i = 0; i < pictures; i++) {
      let activation = await preprocess((await dataset.read(i)).picture, input);
      const reference: Reference = { inputs: [], outcomes: [], probabilities: [] };
      for (const [stage, { inputShape }] of stages.entries()) {
        const bytes = Buffer.from(activation.buffer, activation.byteOffset, elementsOf(inputShape) * 4);
        reference.inputs.push({ stage, shape: [...inputShape], data: bytes.toString('hex') });
        const sample = { thresholds: [], passed: [] as ExitOutcome[] };
        const step = await runStage(pool, stage, [sample], activation);
        const outcome = step.answered[0]?.outcome ?? sample.passed[0];
        if (outcome) reference.outcomes.push(outcome);
        reference.probabilities = [...(step.answered[0]?.probabilities ?? [])];
        activation = step.activation;
      }
      references.push(reference);
    }
  } finally {
    await pool.close();
  }
  return references;
}

/** Makes Python code of our contracts and of the two standard ones. */
async function generate(folder: string): Promise<void> {
  const protoFolders = {
    [fromHere('../proto')]: 'offramp/v1/offload.proto',
    [fromHere('../node_modules/grpc-health-check/proto/health/v1')]: 'health.proto',
    [fromHere('../node_modules/@grpc/reflection/build/proto/grpc/reflection/v1')]: 'reflection.proto',
  };
  for (const [include, file] of Object.entries(protoFolders)) {
    const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`];
    await run(python, ['-m', 'grpc_tools.protoc', `-I${include}`, ...out, file]);
  }
}

async function askInPython(address: string, folder: string, request: object): Promise<Report> {
  const client = spawn(python, [fromHere('python/client.py'), address, folder]);
  client.stdin.end(JSON.stringify(request));
  const [output, problems] = await Promise.all([text(client.stdout), text(client.stderr)]);
  if (!output) throw new Error(problems);
  return JSON.parse(output) as Report;
}
