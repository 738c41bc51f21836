// Common set-up of the benchmarks of goals and drift: a bundle, outcomes of its exits on pictures, and the tuner's inputs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Bundle, exitCosts, parseCalibrationTable } from '@offramp/bundle';
import { exitTables } from './exit-tables.mjs';
import { factsOf, inputsOf, trafficOf } from './simulate-group.mjs';

const example = (path) => fileURLToPath(new URL(`../../../examples/fashion-mnist/${path}`, import.meta.url));

/** For `parseArgs`, besides a benchmark's own options. */
export const fleetOptions = {
  bundle: { type: 'string', default: example('bundle') },
  data: { type: 'string', default: example('data') },
  runs: { type: 'string', default: '50' },
  /** Where recorded outcomes are kept between runs. */
  tables: { type: 'string' },
};

export const agreement = { kind: 'agreement', floor: 0.98 };

/**
 * @param flags see `fleetOptions`
 * @returns `inputDistributions`: traffic by the name of the change to the pictures; `clean` has none
 */
export async function openFleetBench(flags) {
  const bundle = await Bundle.open(flags.bundle);
  const { manifest } = bundle;
  const calibration = parseCalibrationTable(
    readFileSync(join(flags.bundle, manifest.calibration.table.path), 'utf8'),
    'calibration table',
  );
  const tables = await exitTables(bundle, flags.data, {
    pictures: 10_000,
    driftPictures: 3_000,
    file: flags.tables,
  });
  const costs = exitCosts(manifest);
  const facts = factsOf(costs, manifest.deviceStages);
  const inputs = inputsOf({ facts, goals: [agreement] }, calibration);
  const inputDistributions = Object.fromEntries(
    Object.entries(tables).map(([name, table]) => [name, trafficOf(table)]),
  );
  return { bundle, calibration, tables, costs, facts, inputs, path: inputs.path, inputDistributions };
}

export const range = (length) => Array.from({ length }, (_, i) => i);
export const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`;
