import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf } from '../shape.js';
import { checkStage } from './check-stage.js';
import { createSession } from './create-session.js';
import { runtimeOptions, type SessionOptions } from './session-options.js';
import type { StageModel } from './stage-models.js';
import { type StageOutput, type StageRunner, stageTensors } from './stage-runner.js';

interface OpenStage extends Omit<StageModel, 'model'> {
  session: InferenceSession;
}

/** Consecutive stages of a bundle, opened in this thread: to run one blocks it. */
export class StageSessions implements StageRunner {
  private constructor(
    private readonly stages: readonly OpenStage[],
    private readonly firstStage: number,
  ) {}

  /**
   * @param models of stages `firstStage` and following
   * @throws OfframpError `BUNDLE_INVALID` for a model that is not what the manifest says; Error of ONNX Runtime
   */
  static async open(
    models: readonly StageModel[],
    firstStage: number,
    options: Required<SessionOptions>,
  ): Promise<StageSessions> {
    const stages: OpenStage[] = [];
    for (const [i, { model, ...described }] of models.entries()) {
      const session = await createSession(model, runtimeOptions(options));
      checkStage(session, firstStage + i, described);
      stages.push({ ...described, session });
    }
    return new StageSessions(stages, firstStage);
  }

  /** @throws Error of ONNX Runtime */
  async run(stage: number, input: Float32Array, batch: number): Promise<StageOutput> {
    const { session, inputShape, activationShape, labels } = this.stageOf(stage);
    const outputs = await session.run({ [stageTensors.input]: batchOf(input, batch, inputShape) });
    const floats = (name: string, each: number) => {
      const values = outputs[name]?.data as Float32Array;
      if (values.length === batch * each) return values;
      throw new Error(`stage ${stage}: ${name}: expected ${batch * each} elements, found ${values.length}`);
    };
    return {
      activation: activationShape && floats(stageTensors.activation, elementsOf(activationShape)),
      probabilities: floats(stageTensors.probabilities, labels),
      confidence: floats(stageTensors.confidence, 1),
    };
  }

  /**
   * Runs a stage and writes its outputs into memory that the caller has.
   * @param output of the sizes that {@link run} would return; `activation` is `null` for the last stage
   * @throws Error of ONNX Runtime
   */
  async runInto(stage: number, input: Float32Array, batch: number, output: StageOutput): Promise<void> {
    const { session, inputShape, activationShape } = this.stageOf(stage);
    const { activation, probabilities, confidence } = output;
    const outputs = {
      [stageTensors.probabilities]: batchOf(probabilities, batch, [probabilities.length / batch]),
      [stageTensors.confidence]: batchOf(confidence, batch, []),
      ...(activation && activationShape
        ? { [stageTensors.activation]: batchOf(activation, batch, activationShape) }
        : {}),
    };
    await session.run({ [stageTensors.input]: batchOf(input, batch, inputShape) }, outputs);
  }

  /** Frees the sessions. Nothing may run or be run. */
  async release(): Promise<void> {
    for (const { session } of this.stages) await session.release();
  }

  private stageOf(stage: number): OpenStage {
    const found = this.stages[stage - this.firstStage];
    if (found) return found;
    const last = this.firstStage + this.stages.length - 1;
    throw new Error(`stage: expected one of ${this.firstStage} to ${last}, found ${stage}`);
  }
}

const batchOf = (values: Float32Array, batch: number, shape: readonly number[]) =>
  new Tensor('float32', values, [batch, ...shape]);
