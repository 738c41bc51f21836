import type { Goal } from '../model/goals.js';
import { bundle, SimulatedFleet } from './simulated-fleet.js';

export const agreement: Goal = { kind: 'agreement', floor: 0.98 };
export const rounds = (count: number) => Array.from({ length: count }, (_, i) => i);

/** A fleet after 40 steps: its thresholds are proven and rolled out. */
export function settled(devices = 10, goals: Goal[] = [agreement]): SimulatedFleet {
  const fleet = new SimulatedFleet(devices);
  fleet.want(goals);
  for (const _ of rounds(40)) fleet.play();
  return fleet;
}

/** Position of the policy's thresholds among the bundle's candidates. */
export const positionOf = (fleet: SimulatedFleet) => bundle.path.positionOf(fleet.policy?.thresholds ?? []);
