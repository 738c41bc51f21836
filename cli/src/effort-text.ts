import type { EffortEstimate } from '@offramp/augment';
import { formatBytes, formatDuration, formatInteger } from './units.js';

/** What a run of `augment` is about to take, and what that is made of. */
export function effortText(estimate: EffortEstimate): string {
  const { recipe, isShortened, time, memory, leavesOutCodec, rehearsalMs } = estimate;
  const total = time.reduce((sum, { ms }) => sum + ms, 0);
  const parts = time.map(({ title, ms }) => `${title} ${formatDuration(ms)}`).join(', ');
  const { trialPictures, epochs, picturesPerEpoch, codecPictures } = recipe;
  const work = [
    ...(trialPictures > 0 ? [`trial on ${formatInteger(trialPictures)} samples`] : []),
    `${epochs} epochs of ${formatInteger(picturesPerEpoch)}`,
    `codecs on ${formatInteger(codecPictures)}`,
  ].join(', ');
  const shares = [
    `program ${formatBytes(memory.program)}`,
    `weights ${formatBytes(memory.weights)}`,
    `backbone ${formatBytes(memory.backboneRun)} (${memory.backboneBatch} samples at a time)`,
    `step of training up to ${formatBytes(memory.step)}`,
    `decoded pictures up to ${formatBytes(memory.pictures)}`,
  ].join(', ');
  return [
    `estimate: about ${formatDuration(total)}: ${parts}${leavesOutCodec ? ', and the training of a codec' : ''} (by a rehearsal of ${formatDuration(rehearsalMs)})`,
    `  work: ${work}${isShortened ? '; shortened to fit into --minutes' : ''}`,
    `  memory: at most ${formatBytes(memory.total)}: ${shares}`,
  ].join('\n');
}
