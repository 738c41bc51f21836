import { InferenceSession, Tensor } from 'onnxruntime-node';
import { runtimeOptions, type SessionOptions } from './session-options.js';
import { type StageOutput, type StageRunner, stageTensors } from './stage-runner.js';

/** Consecutive stages of a bundle, opened in this thread: `run` blocks it. */
export class StageSessions implements StageRunner {
  private constructor(
    private readonly sessions: readonly InferenceSession[],
    private readonly inputShapes: readonly (readonly number[])[],
    private readonly firstStage: number,
  ) {}

  /**
   * @param models the ONNX files of stages `firstStage` and following
   * @param inputShapes theirs, without the batch dimension
   * @throws Error of ONNX Runtime
   */
  static async open(
    models: readonly Uint8Array[],
    inputShapes: readonly (readonly number[])[],
    firstStage: number,
    options: Required<SessionOptions>,
  ): Promise<StageSessions> {
    const sessions: InferenceSession[] = [];
    for (const model of models) {
      sessions.push(await InferenceSession.create(model, runtimeOptions(options)));
    }
    return new StageSessions(sessions, inputShapes, firstStage);
  }

  /** @throws Error of ONNX Runtime */
  async run(stage: number, input: Float32Array, batch: number): Promise<StageOutput> {
    const session = this.sessions[stage - this.firstStage];
    const shape = this.inputShapes[stage - this.firstStage];
    if (!session || !shape) throw new Error(`stage ${stage} is not loaded`);
    const outputs = await session.run({
      [stageTensors.input]: new Tensor('float32', input, [batch, ...shape]),
    });
    const floats = (name: string) => (outputs[name]?.data as Float32Array | undefined) ?? null;
    const probabilities = floats(stageTensors.probabilities);
    const confidence = floats(stageTensors.confidence);
    if (!probabilities || !confidence) throw new Error(`stage ${stage} lacks an output`);
    return { activation: floats(stageTensors.activation), probabilities, confidence };
  }

  /** Frees what the sessions hold. Nothing may run any more. */
  async release(): Promise<void> {
    for (const session of this.sessions) await session.release();
  }
}
