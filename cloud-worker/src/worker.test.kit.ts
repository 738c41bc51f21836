import { fileURLToPath } from 'node:url';
import {
  Client,
  type ClientDuplexStream,
  type ClientUnaryCall,
  credentials,
  type requestCallback,
  type StatusObject,
} from '@grpc/grpc-js';
import { Bundle, encodeTensor, float32, InferencePool, runStage } from '@offramp/bundle';
import {
  type ClassifyRequestInit,
  type ClassifyResponse,
  type ExitOutcome,
  leaves,
  offloadService,
  type ResumeRequestInit,
  type ResumeResponse,
  type TensorMessage,
} from '@offramp/contracts';
import { openDataset, preprocess } from '@offramp/data';
import { createLogger, resolveConfig } from '@offramp/runtime';
import { onTestFinished } from 'vitest';
import { type WorkerConfig, workerConfig } from './config.js';
import { startWorker, type Worker } from './worker.js';

export const bundlePath = fileURLToPath(new URL('../../examples/fashion-mnist/bundle', import.meta.url));
const dataPath = fileURLToPath(new URL('../../examples/fashion-mnist/data', import.meta.url));

/** Longer than any test, so that a held sample waits until the worker drains. */
export const forEverMs = 10_000;

/** A worker on a free port that ends with the test. */
export async function startTestWorker(options: Partial<WorkerConfig> = {}): Promise<Worker> {
  const flags = { bundle: [bundlePath], listen: '127.0.0.1:0', statsIntervalMs: 0, ...options };
  const worker = await startWorker(
    await resolveConfig(workerConfig, flags, {}),
    createLogger('worker', 'silent'),
  );
  onTestFinished(() => worker.stop());
  return worker;
}

/** A client of the worker that closes with the test. */
export function connect(worker: Worker): Client {
  const client = new Client(worker.address, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

/** One `Resume` stream, from the device's side. */
export class TestStream {
  readonly responses: ResumeResponse[] = [];
  /** The stream's final status. */
  readonly status: Promise<StatusObject>;
  readonly call: ClientDuplexStream<ResumeRequestInit, ResumeResponse>;
  private readonly onChange = new Set<() => void>();
  private ended = false;

  constructor(
    client: Client,
    serialize: (request: ResumeRequestInit) => Buffer = offloadService.Resume.requestSerialize,
  ) {
    const { path, responseDeserialize } = offloadService.Resume;
    this.call = client.makeBidiStreamRequest(path, serialize, responseDeserialize);
    this.call.on('data', (response: ResumeResponse) => {
      this.responses.push(response);
      for (const notify of this.onChange) notify();
    });
    this.call.on('error', () => undefined); // Also reported as the status.
    this.status = new Promise((resolve) => {
      this.call.on('status', (status) => {
        this.ended = true;
        for (const notify of this.onChange) notify();
        resolve(status);
      });
    });
  }

  send(request: ResumeRequestInit): void {
    this.call.write(request);
  }

  /** Sends and waits for the response. */
  async ask(request: ResumeRequestInit): Promise<ResumeResponse> {
    this.send(request);
    return this.response(request.sampleId ?? 0);
  }

  /** Resolves with the response to a sample; rejects if the stream ends without. */
  response(sampleId: number): Promise<ResumeResponse> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.responses.find((response) => response.sampleId === sampleId);
        if (found) resolve(found);
        else if (this.ended) reject(new Error(`the stream ended without a response to ${sampleId}`));
        else return;
        this.onChange.delete(look);
      };
      this.onChange.add(look);
      look();
    });
  }
}

/**
 * Starts a `Classify` call.
 * @param deadline milliseconds since 1970; default: none
 */
export function startClassify(
  client: Client,
  request: ClassifyRequestInit,
  deadline = Number.POSITIVE_INFINITY,
): { call: ClientUnaryCall; response: Promise<ClassifyResponse> } {
  const { path, requestSerialize, responseDeserialize } = offloadService.Classify;
  let settle: requestCallback<ClassifyResponse> = () => {};
  const response = new Promise<ClassifyResponse>((resolve, reject) => {
    settle = (error, found) => (found ? resolve(found) : reject(error));
  });
  const call = client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    { deadline },
    settle,
  );
  return { call, response };
}

export const classifyCall = (
  client: Client,
  request: ClassifyRequestInit,
  deadline?: number,
): Promise<ClassifyResponse> => startClassify(client, request, deadline).response;

/** Polls until `condition` holds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUp = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > giveUp) throw new Error(`gave up waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Outcomes of every exit for one picture, run alone, and the input of each stage. */
export interface ReferenceSample {
  inputs: TensorMessage[];
  outcomes: ExitOutcome[];
  /** Probabilities of the final exit. */
  probabilities: Float32Array;
}

/** Runs the example's first `count` test pictures through all of the bundle's stages, one by one. */
export async function referenceSamples(bundle: Bundle, count: number): Promise<ReferenceSample[]> {
  const dataset = await openDataset(dataPath, { split: 'test', channels: 1 });
  const pool = await InferencePool.create(bundle);
  const samples: ReferenceSample[] = [];
  for (let i = 0; i < count; i++) {
    const { picture } = await dataset.read(i);
    let activation = await preprocess(picture, bundle.manifest.input);
    const reference: ReferenceSample = { inputs: [], outcomes: [], probabilities: new Float32Array() };
    for (const [stage, { inputShape }] of bundle.manifest.stages.entries()) {
      reference.inputs.push(encodeTensor(float32, { shape: inputShape }, activation));
      const sample = { thresholds: [], passed: [] as ExitOutcome[] };
      const step = await runStage(pool, stage, [sample], activation);
      const outcome = step.answered[0]?.outcome ?? sample.passed[0];
      if (outcome) reference.outcomes.push(outcome);
      reference.probabilities = step.answered[0]?.probabilities.slice() ?? reference.probabilities;
      activation = step.activation;
    }
    samples.push(reference);
  }
  await pool.close();
  return samples;
}

/** The exit of a sample that enters at a stage. */
export function exitOf(sample: ReferenceSample, stage: number, thresholds: readonly number[]): number {
  let exit = stage;
  while (exit < thresholds.length && !leaves(sample.outcomes[exit]?.confidence ?? 0, thresholds[exit] ?? 0)) {
    exit++;
  }
  return exit;
}

/**
 * Thresholds that split the samples at every branch, each in the widest gap between two confidences, so
 * that rounding cannot move a sample across it.
 */
export function splittingThresholds(samples: readonly ReferenceSample[]): number[] {
  const branches = (samples[0]?.outcomes.length ?? 1) - 1;
  return Array.from({ length: branches }, (_, branch) => {
    const sorted = samples.map(({ outcomes }) => outcomes[branch]?.confidence ?? 0).sort((a, b) => a - b);
    const gaps = sorted.slice(1).map((upper, i) => upper - (sorted[i] ?? 0));
    const widest = gaps.indexOf(Math.max(...gaps));
    return ((sorted[widest] ?? 0) + (sorted[widest + 1] ?? 0)) / 2;
  });
}

export const openExampleBundle = () => Bundle.open(bundlePath);
