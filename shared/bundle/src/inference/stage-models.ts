import type { Bundle } from '../files/bundle.js';

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
}

/**
 * Reads the stages of a bundle from `firstStage` up to, not including, `end`.
 * @throws OfframpError `BUNDLE_CORRUPT`
 */
export async function readStageModels(
  bundle: Bundle,
  firstStage: number,
  end: number,
): Promise<StageModel[]> {
  const models = await bundle.readStages(firstStage, end);
  const labels = bundle.manifest.labels.length;
  return models.map((model, i) => {
    const { inputShape, activationShape } = bundle.manifest.stages[
      firstStage + i
    ] as Bundle['manifest']['stages'][number];
    return { model, inputShape, activationShape, labels };
  });
}
