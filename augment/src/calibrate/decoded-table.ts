import { type Bundle, type CalibrationTable, InferencePool } from '@offramp/bundle';
import { alignLabels, type Dataset } from '@offramp/data';
import { OfframpError } from '@offramp/runtime';
import type { ProgressListener } from '../branches/branch-trainer.js';
import { pictureBatches } from '../pictures/picture-batches.js';
import { throwIfInterrupted } from '../support/interruption.js';
import { ExitRecord } from './exit-record.js';
import type { LearnedTrial } from './learned-trial.js';
import { roundConfidence } from './round-confidence.js';

const batchSize = 64;
/** Rounding may decide a tie otherwise. */
const toleratedDifferences = 0.01;

/** A calibration table for samples that go on as what a codec makes of them. */
export interface DecodedTable {
  table: CalibrationTable;
  /** That each sample takes beyond the boundary; 0 without a codec. */
  bytes: Float64Array;
}

export interface RecordedSamples {
  /** The samples of the table, in order. */
  dataset: Dataset;
  table: CalibrationTable;
  /** The codec behind which the table was recorded; `null`: none. */
  behind: LearnedTrial | null;
}

export interface DecodeOptions {
  progress: ProgressListener;
  signal?: AbortSignal | undefined;
  /** Samples that run at a time, at most. Default: 64. */
  batchSize?: number;
}

/**
 * A table behind each of several codecs: exits from `stage` on answer what they answer then. Confidences change by what the
 * codec changes them, so that those of heads that were fitted without a sample stay such.
 * @param stage the first one beyond the codecs
 * @param trials `null`: no codec
 * @throws OfframpError `CONFIG_INVALID` for other samples than the table's; `INTERRUPTED`, `IMAGE_INVALID`,
 *   `DATA_INVALID`, `INFERENCE_FAILED`
 */
export async function decodedTables(
  bundle: Bundle,
  stage: number,
  trials: readonly (LearnedTrial | null)[],
  { dataset, table, behind }: RecordedSamples,
  { progress, signal, batchSize: most = batchSize }: DecodeOptions,
): Promise<DecodedTable[]> {
  expectAsMany(dataset, table);
  const { stages, input, labels } = bundle.manifest;
  const toLabel = alignLabels(dataset, labels);
  const exits = new ExitRecord(table.samples, 0, stage);
  const records = trials.map(() => new ExitRecord(table.samples, stage, stages.length));
  const [before, exact] = [0, 1].map(() => new ExitRecord(table.samples, stage, stages.length)) as [
    ExitRecord,
    ExitRecord,
  ];
  const backbone = new Uint16Array(table.samples);
  const pool = await InferencePool.create(bundle);
  progress.step(`running held-out samples${trials.length > 0 ? ' behind codecs' : ''}`, table.samples);
  try {
    const indices = Array.from({ length: table.samples }, (_, i) => i);
    for await (const batch of pictureBatches(dataset, indices, input, Math.min(batchSize, most))) {
      throwIfInterrupted(signal);
      const count = batch.indices.length;
      const activation = await exits.run(pool, batch.indices, batch.input);
      await exact.run(pool, batch.indices, activation.slice());
      for (const index of batch.indices) backbone[index] = exact.labelAt(stages.length - 1, index);
      const through = async (trial: LearnedTrial | null, record: ExitRecord) => {
        if (!trial) {
          record.copy(exact, batch.indices);
          return;
        }
        const { decoded, bytes } = await trial.transfer(activation, count);
        await record.run(pool, batch.indices, decoded);
        batch.indices.forEach((index, row) => {
          record.bytes[index] = bytes[row] as number;
        });
      };
      await through(behind, before);
      for (const [i, trial] of trials.entries()) await through(trial, records[i] as ExitRecord);
      progress.advance(count);
    }
  } finally {
    await pool.close();
  }
  expectSame(exits, table, backbone);
  const trueLabels = table.correct ? Array.from(backbone, (_, i) => toLabel(dataset.labelAt(i))) : null;
  return records.map((record) => ({
    table: changedTable(table, { before, after: record, backbone, trueLabels }),
    bytes: record.bytes,
  }));
}

function changedTable(
  table: CalibrationTable,
  {
    before,
    after,
    backbone,
    trueLabels,
  }: {
    before: ExitRecord;
    after: ExitRecord;
    backbone: Uint16Array;
    trueLabels: readonly (number | null)[] | null;
  },
): CalibrationTable {
  const { first } = after;
  const final = table.branches.length;
  const bits = (exit: number, expected: ArrayLike<number | null>) =>
    Array.from(backbone, (_, i) => (after.labelAt(exit, i) === expected[i] ? '1' : '0')).join('');
  const { finalAgrees: _, ...rest } = table;
  const finalAgrees = bits(final, backbone);
  return {
    ...rest,
    branches: table.branches.map((branch, exit) =>
      exit < first
        ? branch
        : {
            confidence: branch.confidence.map((value, i) => {
              const change = after.confidenceAt(exit, i) - before.confidenceAt(exit, i);
              return roundConfidence(Math.max(0, Math.min(1, value + change)));
            }),
            agrees: bits(exit, backbone),
          },
    ),
    ...(finalAgrees.includes('0') ? { finalAgrees } : {}),
    correct:
      trueLabels &&
      (table.correct ?? []).map((correct, exit) => (exit < first ? correct : bits(exit, trueLabels))),
  };
}

/** @throws OfframpError `CONFIG_INVALID` */
function expectAsMany(dataset: Dataset, { samples }: Pick<CalibrationTable, 'samples'>): void {
  if (dataset.size !== samples) throw otherSamples(samples, `${dataset.size}`);
}

function expectSame(exits: ExitRecord, table: CalibrationTable, backbone: Uint16Array): void {
  table.branches.forEach(({ agrees }, exit) => {
    if (exit >= exits.end) return;
    let different = 0;
    backbone.forEach((label, i) => {
      if ((exits.labelAt(exit, i) === label) !== (agrees[i] === '1')) different++;
    });
    if (different <= Math.max(1, toleratedDifferences * table.samples)) return;
    throw otherSamples(table.samples, `others: exit ${exit} differs on ${different} of them`);
  });
}

function otherSamples(samples: number, found: string): OfframpError {
  return new OfframpError(
    'CONFIG_INVALID',
    `data: expected the ${samples} samples that the bundle was calibrated on, found ${found}`,
    {
      hint: 'A learned codec changes what the thresholds were chosen on: give the data, --split and --hold-out of `offramp augment`.',
    },
  );
}
