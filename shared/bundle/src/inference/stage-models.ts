import { codeSymbols } from '../codec/learned.js';
import { stageLayout } from '../codec/tensor-layout.js';
import type { Bundle } from '../files/bundle.js';
import type { StageManifest } from '../manifest/manifest.js';

/** One stage as a session needs it. */
export interface StageModel {
  /** Its ONNX file. */
  model: Uint8Array;
  /** Shapes without the batch dimension. */
  inputShape: readonly number[];
  /** `null` for the last stage. */
  activationShape: readonly number[] | null;
  /** How many there are to tell apart. */
  labels: number;
  /** Of the codec that was learned for the stage's input, if there is one. */
  decoder?: CodecModel;
  /** Of the codec that was learned for the stage's activation, if the stage is the last one here. */
  encoder?: CodecModel;
}

/** Encoder or decoder of a learned codec. */
export interface CodecModel {
  /** Its ONNX file. */
  model: Uint8Array;
  /** Symbols of a code. */
  symbols: number;
}

/**
 * Reads the stages of a bundle from `firstStage` up to, not including, `end`, with the decoders before and between them, and
 * the encoder after them.
 * @throws OfframpError `BUNDLE_CORRUPT`
 */
export async function readStageModels(
  bundle: Bundle,
  firstStage: number,
  end: number,
): Promise<StageModel[]> {
  const models = await bundle.readStages(firstStage, end);
  const labels = bundle.manifest.labels.length;
  const stages: StageModel[] = [];
  for (const [i, model] of models.entries()) {
    const stage = firstStage + i;
    const { inputShape, activationShape } = bundle.manifest.stages[stage] as StageManifest;
    const decoder = await readCodec(bundle, stage - 1, 'decoder');
    const encoder = stage === end - 1 ? await readCodec(bundle, stage, 'encoder') : null;
    stages.push({
      ...{ model, inputShape, activationShape, labels },
      ...(decoder ? { decoder } : {}),
      ...(encoder ? { encoder } : {}),
    });
  }
  return stages;
}

async function readCodec(
  bundle: Bundle,
  stage: number,
  part: 'encoder' | 'decoder',
): Promise<CodecModel | null> {
  const models = await bundle.readLearned(stage);
  if (!models) return null;
  return { model: models[part], symbols: codeSymbols(stageLayout(bundle.manifest, stage + 1)) };
}
