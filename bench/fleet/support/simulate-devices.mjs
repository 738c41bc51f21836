// Devices of one group, each with its own camera. Devices whose traffic provably differs from the group's are tuned
// separately, and the group is tuned by the others.

import {
  deviatingDevices,
  newTunerState,
  sumCounts,
  tune,
} from '../../../controller/dist/decide/tuner/index.js';
import { randomFrom } from './random.mjs';
import { addSample, emptyEvidence, truthOf } from './simulate-group.mjs';

/** Windows over which devices are compared. */
const comparedWindows = 10;

/** @param trafficOf a device's traffic, by its number and the samples that the group has had */
export function simulateDevices(inputs, { seed, devices, start, samples, perDevice, trafficOf }) {
  const random = randomFrom(seed);
  const group = { policy: start, state: newTunerState(true) };
  const apart = new Map();
  const recent = Array.from({ length: devices }, () => []);
  const windows = [];
  for (let done = 0; done < samples; done += devices * perDevice) {
    const evidence = recent.map((_, device) => {
      const { rows } = trafficOf(device, done);
      const seen = emptyEvidence((apart.get(device) ?? group).policy, inputs.path.branches);
      for (let i = 0; i < perDevice; i++)
        addSample(seen, rows[random.integer(rows.length)], random, inputs.facts.inCloud);
      return seen;
    });
    evidence.forEach(({ exits }, device) => {
      recent[device] = [...recent[device], exits[0].histogram].slice(-comparedWindows);
    });
    const found = deviatingDevices(
      recent.map((histograms, device) => ({ device: String(device), histogram: sumCounts(histograms) })),
    ).map(({ device }) => Number(device));
    for (const device of [...apart.keys()]) if (!found.includes(device)) apart.delete(device);
    for (const device of found) {
      if (!apart.has(device)) apart.set(device, { policy: group.policy, state: newTunerState(false) });
    }
    const step = (tuned, seen) => {
      const { state, decision } = tune(
        { ...inputs, workerUtilisation: null, policy: tuned.policy },
        tuned.state,
        seen,
      );
      tuned.state = state;
      tuned.policy = { thresholds: decision.thresholds, auditRate: decision.auditRate };
      return decision;
    };
    const decision = step(
      group,
      evidence.filter((_, device) => !apart.has(device)),
    );
    for (const [device, tuned] of apart) step(tuned, [evidence[device]]);
    windows.push({
      samples: done + devices * perDevice,
      decision,
      apart: [...apart.keys()],
      truths: recent.map((_, device) =>
        truthOf(trafficOf(device, done), (apart.get(device) ?? group).policy.thresholds, inputs.facts.cost),
      ),
    });
  }
  return windows;
}
