import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf } from '../shape.js';
import { checkStage } from './check-stage.js';
import { CodecSession } from './codec-session.js';
import { createSession } from './create-session.js';
import { runtimeOptions, type SessionOptions } from './session-options.js';
import type { StageModel } from './stage-models.js';
import { type StageOutput, type StageRunner, stageTensors } from './stage-runner.js';

interface OpenStage extends Omit<StageModel, 'model' | 'decoder' | 'encoder'> {
  session: InferenceSession;
  decoder: CodecSession | null;
  encoder: CodecSession | null;
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
    const runtime = runtimeOptions(options);
    for (const [i, { model, decoder, encoder, ...described }] of models.entries()) {
      const stage = firstStage + i;
      const { inputShape, activationShape } = described;
      const session = await createSession(model, runtime);
      checkStage(session, stage, described);
      stages.push({
        ...described,
        session,
        decoder: decoder ? await CodecSession.open(decoder, 'decoder', stage, inputShape, runtime) : null,
        encoder:
          encoder && activationShape
            ? await CodecSession.open(encoder, 'encoder', stage, activationShape, runtime)
            : null,
      });
    }
    return new StageSessions(stages, firstStage);
  }

  /** @throws Error of ONNX Runtime */
  async run(
    stage: number,
    input: Float32Array,
    batch: number,
    codes: readonly number[] = [],
  ): Promise<StageOutput> {
    await this.decodeRows(stage, input, codes);
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
  async runInto(
    stage: number,
    input: Float32Array,
    batch: number,
    output: StageOutput,
    codes: readonly number[] = [],
  ): Promise<void> {
    await this.decodeRows(stage, input, codes);
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

  /**
   * The codes of activations after the last stage; `null` if no codec was learned for them.
   * @param activations of that stage, sample after sample
   * @returns symbols, sample after sample
   * @throws Error of ONNX Runtime
   */
  async encode(activations: Float32Array, batch: number): Promise<Float32Array | null> {
    const encoder = this.stages.at(-1)?.encoder;
    return encoder ? encoder.run(activations, batch) : null;
  }

  /** Frees the sessions. Nothing may run or be run. */
  async release(): Promise<void> {
    for (const { session, decoder, encoder } of this.stages) {
      await session.release();
      await decoder?.release();
      await encoder?.release();
    }
  }

  /** Puts activations in the place of codes. */
  private async decodeRows(stage: number, input: Float32Array, rows: readonly number[]): Promise<void> {
    if (rows.length === 0) return;
    const { decoder, inputShape } = this.stageOf(stage);
    if (!decoder) throw new Error(`stage ${stage}: expected a decoder for codes, found none`);
    const width = elementsOf(inputShape);
    const codes = new Float32Array(rows.length * decoder.symbols);
    rows.forEach((row, i) => {
      codes.set(input.subarray(row * width, row * width + decoder.symbols), i * decoder.symbols);
    });
    const activations = await decoder.run(codes, rows.length);
    rows.forEach((row, i) => {
      input.set(activations.subarray(i * width, (i + 1) * width), row * width);
    });
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
