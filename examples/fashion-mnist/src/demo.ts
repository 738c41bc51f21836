import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControllerClient } from '@offramp/controller';
import { connectBus, openDataset } from '@offramp/shared';
import { readAnswers } from './answers.js';
import { backboneAnswers } from './backbone-answers.js';
import { demoGroup, Fleet } from './fleet.js';
import { picturesPath } from './paths.js';
import { type PolicyChange, playScript, scriptSeconds } from './script.js';
import { type DemoSummary, isWhole, renderSummary, summarise } from './summary.js';
import { LiveView } from './view.js';

const agents = 3;

export interface DemoOptions {
  /** Go on after the summary until Ctrl-C, the pictures in a loop. */
  keep: boolean;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
}

/**
 * Runs a small fleet over the example's pictures, moves its thresholds, takes its worker away for a while,
 * and sums up.
 * @returns the summary; `null` if it was interrupted
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary | null> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-demo-'));
  const { size: pictures } = await openDataset(picturesPath, { split: 'test', channels: 1 });
  const fleet = await Fleet.start({
    agents,
    // Slow enough to watch, and for the script to be over before the pictures are.
    ratePerS: Math.floor(pictures / agents / scriptSeconds),
    folder,
  });
  let keepFolder = true;
  const bus = await connectBus({ url: fleet.nats.url, name: 'offramp-demo' });
  try {
    const controller = new ControllerClient(bus);
    const view = new LiveView(controller);
    view.say(`${fleet.nats.url}, a controller, a worker at ${fleet.workerAddress}, ${agents} devices`);
    fleet.startAgents('once');
    view.start();
    const script = new AbortController();
    const interrupted = new Promise<'interrupted'>((resolve) => {
      options.signal.addEventListener('abort', () => resolve('interrupted'), { once: true });
    });
    const played = playScript({ fleet, controller, view }, AbortSignal.any([options.signal, script.signal]));
    const ended = await Promise.race([Promise.all([played, fleet.agentsDone()]), interrupted]).finally(() =>
      script.abort(),
    );
    await view.stop();
    const summary = ended === 'interrupted' ? null : await sumUp(fleet, controller, ended[0], options.signal);
    if (summary === null) {
      process.stdout.write('stopping; devices answer what they have in flight\n');
      keepFolder = false;
      return null;
    }
    process.stdout.write(`\n${renderSummary(summary)}`);
    keepFolder = !isWhole(summary);
    if (options.keep) await goOn(fleet, controller, options.signal);
    return summary;
  } finally {
    await bus.close();
    await fleet.stop();
    if (keepFolder) process.stderr.write(`logs and answers are in ${folder}\n`);
    else await rm(folder, { recursive: true, force: true });
  }
}

/** Leaves the fleet to whoever watches, until the signal. */
async function goOn(fleet: Fleet, controller: ControllerClient, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  process.stdout.write(
    [
      '',
      'The fleet goes on until Ctrl-C. From another terminal, in this folder:',
      `  npx offramp fleet top --nats ${fleet.nats.url}`,
      `  npx offramp fleet policy set ${demoGroup} --threshold 0.95 --nats ${fleet.nats.url}`,
      '',
    ].join('\n'),
  );
  fleet.startAgents('over and over');
  const view = process.stdout.isTTY ? new LiveView(controller) : null;
  view?.start();
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await view?.stop();
}

/** `null` if it was interrupted. */
async function sumUp(
  fleet: Fleet,
  controller: ControllerClient,
  policies: readonly PolicyChange[],
  signal: AbortSignal,
): Promise<DemoSummary | null> {
  const showProgress = process.stdout.isTTY;
  if (!showProgress) process.stdout.write('asking the whole backbone about every picture, too\n');
  const backbone = await backboneAnswers(fleet.bundle, fleet.workerAddress, signal, (done, total) => {
    if (showProgress && done % 100 === 0) {
      process.stdout.write(`\rasking the whole backbone about every picture, too: ${done} of ${total}`);
    }
  });
  if (showProgress) process.stdout.write('\r\x1b[K');
  if (signal.aborted) return null;
  const answers = (await Promise.all(fleet.agents.map(({ answersPath }) => readAnswers(answersPath)))).flat();
  const { devices } = await controller.listDevices(demoGroup);
  return summarise(fleet.bundle.manifest, answers, backbone, devices, policies);
}
