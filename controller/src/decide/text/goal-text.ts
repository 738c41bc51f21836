import type { Goal } from '../model/goals.js';
import { percentText as percent } from './percent-text.js';

/** A goal as text; `workers`: the limit from the workers' load. */
export function goalText(goal: Goal | 'workers'): string {
  if (goal === 'workers') return "no more offloads than the workers' capacity";
  switch (goal.kind) {
    case 'agreement':
      return `agreement with the whole model on at least ${percent(goal.floor)} of samples`;
    case 'offload':
      return `at most ${percent(goal.ceiling)} of samples to the cloud`;
    case 'cloudSeconds':
      return `at most ${Number(goal.perSecond.toPrecision(3))} s of workers' time per second`;
    case 'latency':
      return `${percent(goal.quantile)} of answers within ${goal.targetMs} ms`;
  }
}
