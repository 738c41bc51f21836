// A tuner's loop without devices, network or clock: samples are drawn from recorded tables, and the policy
// of a window is the tuner's decision after the previous one.

import { evaluateThresholds } from '@offramp/bundle';
import { binOf, binStarts } from '@offramp/contracts';
import { binTable, newTunerState, ThresholdPath, tune } from '../../../controller/dist/decide/tuner/index.js';
import { randomFrom } from './random.mjs';

export const confidencePath = (branches) => new ThresholdPath(branches, binStarts.slice(1));

/** A table with its rows prepared for drawing. */
export function trafficOf(table) {
  return {
    table,
    rows: Array.from({ length: table.samples }, (_, row) =>
      table.branches.map(({ confidence, agrees }) => ({
        confidence: confidence[row],
        bin: binOf(confidence[row]),
        agreed: agrees[row] === '1',
      })),
    ),
  };
}

export function inputsOf(bundleFacts, calibration) {
  const path = confidencePath(calibration.branches.length);
  return { path, table: binTable(calibration, path, binOf), ...bundleFacts };
}

/** Cost facts of each exit, with the manifest's number of stages on the device. */
export function factsOf(costs, deviceStages) {
  return {
    cost: costs,
    inCloud: costs.map((_, exit) => (exit < deviceStages ? 0 : 1)),
    cloudSeconds: costs.map((cost, exit) =>
      exit < deviceStages ? 0 : 0.01 * (cost - costs[deviceStages - 1]),
    ),
    samplesPerSecond: 50,
    lateShares: (targetMs) =>
      costs.map((cost, exit) => Math.min(1, (exit < deviceStages ? 20 * cost : 80 * cost) / targetMs / 4)),
  };
}

/**
 * @param inputs see `inputsOf`
 * @param trafficAt the traffic of a sample, by its number
 * @param options.utilisationOf the workers' load, from the share of samples that were offloaded
 * @returns one entry per window: the effect of the policy in force on that traffic as a whole, and the tuner's decision then
 */
export function simulateGroup(
  inputs,
  { seed, start, samples, trafficAt, windowSamples = 100, utilisationOf },
) {
  const random = randomFrom(seed);
  let policy = { thresholds: start.thresholds, auditRate: start.auditRate };
  let state = newTunerState(true);
  let workerUtilisation = null;
  const windows = [];
  for (let done = 0; done < samples; done += windowSamples) {
    const evidence = emptyEvidence(policy, inputs.path.branches);
    let agreed = 0;
    for (let i = 0; i < windowSamples; i++) {
      const { rows } = trafficAt(done + i);
      agreed += addSample(evidence, rows[random.integer(rows.length)], random, inputs.facts.inCloud) ? 1 : 0;
    }
    const traffic = trafficAt(done + windowSamples - 1);
    const truth = truthOf(traffic, policy.thresholds, inputs.facts.cost);
    if (utilisationOf) workerUtilisation = utilisationOf(evidence.offloaded / windowSamples);
    const { state: next, decision } = tune({ ...inputs, workerUtilisation, policy }, state, [evidence]);
    state = next;
    windows.push({
      samples: done + windowSamples,
      policy,
      truth,
      agreed: agreed / windowSamples,
      auditShare: evidence.audited / windowSamples,
      offloadShare: evidence.offloaded / windowSamples,
      exitShares: evidence.left.map((count) => count / windowSamples),
      workerUtilisation,
      decision,
    });
    policy = { thresholds: decision.thresholds, auditRate: decision.auditRate };
  }
  return { windows, policy };
}

const truths = new WeakMap();

/** Agreement and cost on all of the traffic's samples. */
export function truthOf({ table }, thresholds, costs) {
  const known = truths.get(table) ?? new Map();
  truths.set(table, known);
  const key = thresholds.join();
  if (!known.has(key)) known.set(key, evaluateThresholds(table, thresholds, costs));
  return known.get(key);
}

export function emptyEvidence({ thresholds, auditRate }, branches) {
  return {
    thresholds,
    auditRate,
    left: new Array(branches + 1).fill(0),
    exits: Array.from({ length: branches }, () => ({ histogram: new Array(binStarts.length).fill(0) })),
    degraded: 0,
    offloaded: 0,
    audited: 0,
    auditedFinal: 0,
    auditsDropped: { busy: 0, budget: 0, failed: 0 },
    records: [],
    recordsDropped: 0,
  };
}

/** @returns whether the answer agrees with the backbone's */
export function addSample(evidence, row, random, inCloud) {
  let exit = 0;
  for (; exit < row.length; exit++) {
    evidence.exits[exit].histogram[row[exit].bin]++;
    if (evidence.thresholds[exit] <= 0 || row[exit].confidence >= evidence.thresholds[exit]) break;
  }
  evidence.left[exit]++;
  evidence.offloaded += inCloud[exit];
  if (random.uniform() < evidence.auditRate) {
    evidence.records.push({ exits: row, leftAt: exit });
    if (exit < row.length) evidence.audited++;
    else evidence.auditedFinal++;
  }
  return exit === row.length || row[exit].agreed;
}
