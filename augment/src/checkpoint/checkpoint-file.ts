import { messageOf, OfframpError, readFile, replaceFile, sha256Hex, systemCodeOf } from '@offramp/runtime';
import { z } from 'zod';

/** Everything that a training depends on, by user-facing names. */
export type TrainingFacts = Readonly<Record<string, string | number | boolean>>;

const maxCheckpointBytes = 2 ** 31 - 1;
const format = 'offramp-checkpoint-1';
const headerSchema = z.object({
  format: z.literal(format),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  state: z.object({ bytes: z.int().min(0), sha256: z.string() }),
});

/** A training that can be resumed. */
export interface CheckpointContents {
  facts: TrainingFacts;
  /** The trainer's state. */
  state: Uint8Array;
}

/**
 * Writes a header (one line of JSON) and the state. The file appears whole or not at all, and stays after a power cut.
 * @throws OfframpError `OUTPUT_FAILED`
 */
export async function writeCheckpointFile(path: string, { facts, state }: CheckpointContents): Promise<void> {
  const header = { format, facts, state: { bytes: state.byteLength, sha256: sha256Hex(state) } };
  try {
    await replaceFile(path, [`${JSON.stringify(header)}\n`, state]);
  } catch (cause) {
    throw new OfframpError('OUTPUT_FAILED', `cannot write the checkpoint ${path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** @throws OfframpError `FILE_NOT_FOUND`; `CHECKPOINT_INVALID` for a file that is not a checkpoint or is damaged */
export async function readCheckpointFile(path: string): Promise<CheckpointContents> {
  const startOver = 'Without --resume the training starts from the beginning.';
  const bytes = await readFile(path, { atMost: maxCheckpointBytes }).catch((cause: unknown) => {
    if (systemCodeOf(cause) === 'ENOENT') {
      throw new OfframpError('FILE_NOT_FOUND', `no checkpoint at ${path}`, { hint: startOver, cause });
    }
    throw new OfframpError('CHECKPOINT_INVALID', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  const refuse = (problem: string) =>
    new OfframpError('CHECKPOINT_INVALID', `${path}: ${problem}`, { hint: startOver });
  const lineEnd = bytes.indexOf('\n');
  const header = headerOf(bytes.subarray(0, Math.max(0, lineEnd)));
  if (!header) throw refuse('expected a checkpoint of offramp augment');
  const state = bytes.subarray(lineEnd + 1);
  if (state.length !== header.state.bytes) {
    throw refuse(`expected ${header.state.bytes} bytes of state, found ${state.length}`);
  }
  if (sha256Hex(state) !== header.state.sha256) throw refuse('the digest differs, so the file is damaged');
  return { facts: header.facts, state };
}

function headerOf(line: Buffer): z.output<typeof headerSchema> | null {
  try {
    return headerSchema.parse(JSON.parse(line.toString('utf8')));
  } catch {
    return null;
  }
}

/** Differences between two runs: `epochs 3, now 5`. */
export function differingFacts(before: TrainingFacts, now: TrainingFacts): string[] {
  const was = new Map(Object.entries(before));
  const is = new Map(Object.entries(now));
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((name) => was.get(name) !== is.get(name))
    .map((name) => `${name} ${was.get(name) ?? 'not set'}, now ${is.get(name) ?? 'not set'}`);
}
