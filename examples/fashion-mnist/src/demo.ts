import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBus } from '@offramp/contracts';
import { ControllerClient } from '@offramp/controller';
import { readAnswers } from './answers.js';
import { backboneAnswers } from './backbone-answers.js';
import { demoGroup, Fleet } from './fleet.js';
import { type Scene, writeScene } from './scene.js';
import { agreementGoal, duskAt, playScript } from './script.js';
import { type DemoSummary, keepsPromises, renderSummary, summarise } from './summary.js';
import { LiveView } from './view.js';

const cameras = 4;
/** Slow enough to watch, and for two cores to run the whole model on every picture. */
const picturesPerS = 200;
/** Long enough for a busy machine. */
const controllerTimeoutMs = 30_000;

export interface DemoOptions {
  /** Continue after the summary until Ctrl-C, with the pictures at dusk in a loop. */
  keep: boolean;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
}

/**
 * Runs a small fleet over the example's pictures, sets a goal, darkens the pictures, stops the worker for a while, and
 * prints a summary.
 * @returns the summary; `null` if it was interrupted
 */
export async function runDemo(options: DemoOptions): Promise<DemoSummary | null> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-demo-'));
  const scene = await writeScene(folder, { cameras, duskAt });
  const fleet = await Fleet.start({ ratePerS: picturesPerS / cameras, folder });
  let keepFolder = true;
  const bus = await connectBus({ url: fleet.nats.url, name: 'offramp-demo' });
  try {
    const controller = new ControllerClient(bus, { timeoutMs: controllerTimeoutMs });
    process.stdout.write(
      `${cameras} cameras, a worker, a controller and NATS are running\ndashboard: ${fleet.dashboardUrl}\n\n`,
    );
    const view = new LiveView(controller);
    fleet.startAgents(scene, 'once');
    view.start();
    const script = new AbortController();
    const interrupted = abortOf(options.signal).then(() => 'interrupted' as const);
    const scriptSignal = AbortSignal.any([options.signal, script.signal]);
    const played = playScript({ fleet, controller, view }, scene.pictures, scriptSignal);
    const ended = await Promise.race([Promise.all([played, fleet.agentsDone()]), interrupted]).finally(() =>
      script.abort(),
    );
    await view.stop();
    const summary = ended === 'interrupted' ? null : await sumUp(fleet, scene, controller, options.signal);
    if (summary === null) {
      process.stdout.write('stopping; devices answer what they have in flight\n');
      keepFolder = false;
      return null;
    }
    process.stdout.write(`\n${renderSummary(summary)}`);
    keepFolder = !keepsPromises(summary);
    if (options.keep) await goOn(fleet, folder, options.signal);
    return summary;
  } finally {
    await bus.close();
    await fleet.stop();
    if (keepFolder) process.stderr.write(`logs and answers are in ${folder}\n`);
    else await rm(folder, { recursive: true, force: true });
  }
}

/** Keeps the fleet running until the signal. It stays dark, so that no second drift occurs. */
async function goOn(fleet: Fleet, folder: string, signal: AbortSignal): Promise<void> {
  const scene = await writeScene(folder, { cameras, duskAt: 0 });
  if (signal.aborted) return;
  fleet.startAgents(scene, 'repeatedly');
  process.stdout.write(
    [
      '',
      'The fleet keeps running at dusk until Ctrl-C. Its dashboard:',
      `  ${fleet.dashboardUrl}`,
      'From another terminal, in this folder:',
      `  export OFFRAMP_FLEET_NATS=${fleet.nats.url}`,
      `  npx offramp fleet explain ${demoGroup}`,
      `  npx offramp fleet goal set ${demoGroup} --agreement 0.9`,
      '  npx offramp fleet top',
      '',
    ].join('\n'),
  );
  await abortOf(signal);
}

async function abortOf(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** `null` if it was interrupted. */
async function sumUp(
  fleet: Fleet,
  scene: Scene,
  controller: ControllerClient,
  signal: AbortSignal,
): Promise<DemoSummary | null> {
  const showProgress = process.stdout.isTTY;
  if (!showProgress) process.stdout.write('asking the whole model about every picture, too\n');
  const backbone = await backboneAnswers(fleet.bundle, scene, fleet.workerAddress, signal, (done, total) => {
    if (showProgress && done % 100 === 0) {
      process.stdout.write(`\rasking the whole model about every picture, too: ${done} of ${total}`);
    }
  });
  if (showProgress) process.stdout.write('\r\x1b[K');
  if (signal.aborted) return null;
  const answers = (await Promise.all(fleet.agents.map(({ answersPath }) => readAnswers(answersPath)))).flat();
  const [{ devices }, events] = await Promise.all([
    controller.listDevices(demoGroup),
    controller.listEvents({ group: demoGroup }),
  ]);
  return summarise({
    ...{ manifest: fleet.bundle.manifest, goal: agreementGoal, answers, backbone, devices },
    events: events.reverse(),
  });
}
