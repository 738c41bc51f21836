import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerClient } from '@offramp/controller';
import { OfframpError } from '@offramp/runtime';
import { demoGroup, type Fleet } from './fleet.js';
import type { LiveView } from './view.js';

/** The goal: the share of answers that agree with the whole model. */
export const agreementGoal = 0.98;

const pollMs = 100;

export interface Stage {
  fleet: Fleet;
  controller: ControllerClient;
  view: LiveView;
}

/** What happens while the cameras work. Steps run in order. */
interface Step {
  /** Starts when this share of all pictures has been answered, by the controller's counts. */
  at: number;
  run(stage: Stage): Promise<void>;
}

/** When it gets dark, as a share of all pictures. */
export const duskAt = 0.4;

const steps: readonly Step[] = [
  {
    at: 0.06,
    run: setGoal,
  },
  { at: duskAt - 0.02, run: ({ view }) => view.show() },
  {
    at: duskAt,
    async run({ view }) {
      view.say('scene', 'It is getting dark: half the light, and noise. The cameras are not told.');
    },
  },
  { at: duskAt + 0.1, run: ({ view }) => view.show() },
  {
    at: 0.85,
    async run({ fleet, view }) {
      view.say('scene', 'The worker is killed. Cameras answer with their best exit, marked degraded.');
      await fleet.killWorker();
    },
  },
  {
    at: 0.89,
    async run({ fleet, view }) {
      await view.show();
      await fleet.startWorker();
      view.say('scene', 'The worker is back.');
    },
  },
];

/** Plays the script; returns early and silently when `signal` aborts. */
export async function playScript(stage: Stage, pictures: number, signal: AbortSignal): Promise<void> {
  for (const step of steps) {
    while (!signal.aborted && (await answeredSoFar(stage.controller)) < step.at * pictures) {
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
    if (signal.aborted) return;
    await step.run(stage);
  }
}

async function answeredSoFar(controller: ControllerClient): Promise<number> {
  const { devices } = await controller.listDevices(demoGroup);
  return devices.reduce((sum, { total }) => sum + total.samples, 0);
}

/** Uses the command that an operator would type. */
async function setGoal({ fleet, view }: Stage): Promise<void> {
  const args = ['fleet', 'goal', 'set', demoGroup, '--agreement', String(agreementGoal)];
  view.say('you', `$ offramp ${args.join(' ')}`);
  const { status, output } = await fleet.command(args);
  if (status !== 0) throw new OfframpError('INTERNAL', `the goal was not set: ${output.trim()}`);
}
