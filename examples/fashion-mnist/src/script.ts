import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerClient } from '@offramp/controller';
import { OfframpError } from '@offramp/shared';
import { demoGroup, type Fleet } from './fleet.js';
import type { LiveView } from './view.js';

const pollMs = 20;
const policyTimeoutMs = 10_000;

/** A policy that the script set. */
export interface PolicyChange {
  version: number;
  /** From when NATS stored it until the controller knew of every device that it follows the policy, in seconds. */
  reachedAllS: number;
}

/** What the demo does to the fleet while it works. Times are from the start of the agents. */
interface Step {
  atS: number;
  run(stage: Stage): Promise<PolicyChange | undefined>;
}

export interface Stage {
  fleet: Fleet;
  controller: ControllerClient;
  view: LiveView;
}

const steps: readonly Step[] = [
  {
    atS: 7,
    run: (stage) => setPolicy(stage, '0.99', 'almost only sure answers on the device'),
  },
  {
    atS: 15,
    run: (stage) => setPolicy(stage, '0.9', 'less for the cloud to do'),
  },
  {
    atS: 23,
    async run({ fleet, view }) {
      view.say('the worker is killed; devices answer with their best exit, marked degraded');
      await fleet.killWorker();
      return undefined;
    },
  },
  {
    atS: 27,
    async run({ fleet, view }) {
      await fleet.startWorker();
      view.say('the worker is back');
      return undefined;
    },
  },
];

/** Plays the script through; ends early, without a word, when `signal` aborts. */
export async function playScript(stage: Stage, signal: AbortSignal): Promise<PolicyChange[]> {
  const changes: PolicyChange[] = [];
  const started = performance.now();
  for (const step of steps) {
    const waitMs = step.atS * 1000 - (performance.now() - started);
    await sleep(Math.max(0, waitMs), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    const change = await step.run(stage);
    if (change) changes.push(change);
  }
  return changes;
}

/** How long the script takes, in seconds, with a while after its last step. */
export const scriptSeconds = (steps.at(-1)?.atS ?? 0) + 5;

/** Moves the thresholds of every device with the one command an operator would type. */
async function setPolicy(
  { fleet, controller, view }: Stage,
  threshold: string,
  reason: string,
): Promise<PolicyChange> {
  const args = ['fleet', 'policy', 'set', demoGroup, '--threshold', threshold, '--reason', reason];
  view.say(`$ offramp ${args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ')}`);
  const entered = performance.now();
  const { status, output } = await fleet.command(args);
  if (status !== 0) throw new OfframpError('INTERNAL', `the policy was not set: ${output.trim()}`);
  const policy = await controller.getPolicy(demoGroup);
  if (!policy) throw new OfframpError('INTERNAL', 'the policy that was set is gone');
  const { version, setAt } = policy;
  for (;;) {
    const { devices } = await controller.listDevices(demoGroup);
    if (devices.every(({ state }) => state.policyVersion >= version)) break;
    if (performance.now() - entered > policyTimeoutMs) {
      throw new OfframpError(
        'INTERNAL',
        `policy ${version} did not reach every device in ${policyTimeoutMs} ms`,
      );
    }
    await sleep(pollMs);
  }
  // One machine, so one clock for NATS and for us.
  const reachedAllS = (Date.now() - setAt.getTime()) / 1000;
  const enteredS = (performance.now() - entered) / 1000;
  view.say(
    `policy ${version} in force on all ${fleet.agents.length} devices ${reachedAllS.toFixed(2)} s after it was set, ${enteredS.toFixed(2)} s after Enter`,
  );
  return { version, reachedAllS };
}
