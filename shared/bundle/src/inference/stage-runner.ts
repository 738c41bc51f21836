/** The outputs of one stage for a batch of `n` samples, sample after sample. */
export interface StageOutput {
  /** `n` × elements of the stage's `activationShape`; `null` from the last stage. */
  activation: Float32Array | null;
  /** `n` × labels. */
  probabilities: Float32Array;
  /** `n`, each in [0, 1]. */
  confidence: Float32Array;
}

/** Runs stages of one bundle. */
export interface StageRunner<O extends StageOutput = StageOutput> {
  /**
   * Runs one stage on a batch.
   * @param input `batch` × elements of the stage's `inputShape`. It is handed over: afterwards it may be empty or
   *   have other content.
   * @param codes rows of the batch that begin with a code of the bundle's learned codec instead of an activation
   * @throws OfframpError `TENSOR_INVALID` for a wrong length, `INFERENCE_FAILED`
   */
  run(stage: number, input: Float32Array, batch: number, codes?: readonly number[]): Promise<O>;
}

/** The names of inputs and outputs: of a stage's model, and of a learned codec's encoder and decoder. */
export const stageTensors = {
  input: 'input',
  activation: 'activation',
  probabilities: 'probabilities',
  confidence: 'confidence',
  code: 'code',
} as const;
