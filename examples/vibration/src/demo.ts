import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { ProcessGroup } from '@offramp/example-fashion-mnist/processes';
import { OfframpError } from '@offramp/runtime';
import { AgentClient } from './agent-client.js';
import { labelsPath, modelPath, rootPath } from './paths.js';
import { channels, windowSamples } from './signal.js';
import { type AnsweredWindow, type Outcome, renderOutcomes, summarise } from './summary.js';
import { wholeModelAnswers } from './whole-model.js';
import { makeWindows, type Windows, writeWindows } from './windows.js';

export interface DemoOptions {
  /** To train branches on; the last tenth is held out. */
  trainingWindows: number;
  /** To be classified. */
  windows: number;
  write(text: string): void;
}

/** The model was trained on windows of other seeds. */
const seeds = { training: 1, classified: 2 };

/**
 * Cuts the model, attaches branches, starts a worker and an agent, and has windows of vibration classified over HTTP.
 * @returns what came of each kind, and last of all
 */
export async function runDemo({ trainingWindows, windows, write }: DemoOptions): Promise<Outcome[]> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-vibration-'));
  const processes = new ProcessGroup(folder);
  const shortened = (text: string) => text.replaceAll(folder, '…').replaceAll(rootPath, '');
  const offramp = async (...args: string[]) => {
    write(`$ offramp ${shortened(args.join(' '))}\n`);
    const { status, output } = await processes.run(args);
    write(`${shortened(output.trim())}\n\n`);
    if (status !== 0) throw new OfframpError('INTERNAL', `offramp ${args[0]} ended with status ${status}`);
  };
  try {
    const [data, bundle] = [join(folder, 'data'), join(folder, 'bundle')];
    await writeWindows(data, 'train', makeWindows(trainingWindows, seeds.training));
    await offramp('inspect', modelPath);
    await offramp(
      ...['augment', modelPath, '--data', data, '--labels', labelsPath, '--out', bundle],
      ...['--branches', '3', '--agreement', '0.95'],
    );
    const answered = await classify(processes, folder, bundle, makeWindows(windows, seeds.classified), write);
    const outcomes = summarise(answered);
    write(renderOutcomes(outcomes));
    return outcomes;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function classify(
  processes: ProcessGroup,
  folder: string,
  bundlePath: string,
  { signals, labels }: Windows,
  write: DemoOptions['write'],
): Promise<AnsweredWindow[]> {
  const worker = processes.start('worker', ['worker', '--bundle', bundlePath, '--listen', '127.0.0.1:0']);
  const workerAddress = (await worker.firstLine(/^listening on /)).replace('listening on ', '');
  const socket = join(folder, 'agent.sock');
  const agent = processes.start('agent', [
    ...['agent', '--bundle', bundlePath, '--listen', `unix:${socket}`, '--cloud', workerAddress],
    ...['--nats', 'none', '--answers', 'none', '--device', 'bearing-1', '--offload-timeout-ms', '5000'],
  ]);
  const client = new AgentClient(socket);
  try {
    await client.ready();
    write('a worker and an agent are running\n');
    const [first = new Float32Array()] = signals;
    const rows = Array.from({ length: channels }, (_, channel) =>
      Array.from(first.subarray(channel * windowSamples, (channel + 1) * windowSamples)),
    );
    const asJson = await client.classifyJson(rows);
    const answers = await Promise.all(signals.map((signal) => client.classify(signal)));
    if (asJson.labelIndex !== answers[0]?.labelIndex) {
      throw new OfframpError('INTERNAL', 'the first window is answered otherwise as JSON');
    }
    write(`${signals.length} windows of ${channels}×${windowSamples} float32 over HTTP\n\n`);
    const wholeModel = await wholeModelAnswers(await Bundle.open(bundlePath), signals);
    return answers.map((answer, i) => ({
      answer,
      label: labels[i] as number,
      wholeModel: wholeModel[i] as number,
    }));
  } finally {
    client.close();
    await agent.stop();
    await worker.stop();
  }
}
