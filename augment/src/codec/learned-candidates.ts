import { CodecSession, type InferencePool, type LearnedCodecContents } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';
import { pictureBatches } from '../pictures/picture-batches.js';
import { runTo } from './boundary.js';
import { drawSamples } from './boundary-samples.js';
import { SymbolCounts } from './code-tables.js';
import { codeLength, codeParts, exportDecoder, exportEncoder } from './export-codec.js';
import { type TrainedCodec, trainedSteps } from './train-codec.js';

/** A learned codec that has not been judged yet. */
export type LearnedCandidate = Omit<LearnedCodecContents, 'meanBytes' | 'agreement' | 'agreementLost'>;

/** Training samples that the frequencies of symbols are counted on. */
const countedSamples = 2_048;
const batchSize = 64;

/**
 * The trained codec at each of its steps, each with the symbols' frequencies on training samples that are likely to be
 * offloaded.
 */
export async function learnedCandidates(
  { boundary, parameters, samples }: TrainedCodec,
  pool: InferencePool,
  dataset: Dataset,
  seed: number,
  most = batchSize,
): Promise<LearnedCandidate[]> {
  const { bundle, stage, design } = boundary;
  const { input } = bundle.manifest;
  const symbols = codeLength(boundary);
  const shape = bundle.manifest.stages[stage]?.inputShape ?? [];
  const encoders = await Promise.all(
    trainedSteps.map(async (step) => {
      const model = exportEncoder(boundary, parameters, step);
      const session = await CodecSession.open({ model, symbols }, 'encoder', stage, shape, {});
      return { step, model, session, counts: new SymbolCounts(codeParts(boundary)) };
    }),
  );
  const drawn = drawSamples(samples.chances, Math.min(countedSamples, dataset.size), seed, 3);
  for await (const batch of pictureBatches(dataset, drawn, input, Math.min(batchSize, most))) {
    const count = batch.indices.length;
    const { activation } = await runTo(boundary, pool, batch.input, count);
    for (const { session, counts } of encoders) {
      const codes = await session.run(activation, count);
      for (let row = 0; row < count; row++) counts.add(codes.subarray(row * symbols, (row + 1) * symbols));
    }
  }
  for (const { session } of encoders) await session.release();
  return encoders.map(({ step, model, counts }) => ({
    encoder: model,
    decoder: exportDecoder(boundary, parameters, step),
    tables: counts.tables(),
    encoderMacs: design.encoderMacs,
    decoderMacs: design.decoderMacs,
  }));
}
