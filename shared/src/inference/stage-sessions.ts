import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type StageOutput, type StageRunner, stageTensors } from './stage-runner.js';

export interface StageSessionsOptions {
  /** ONNX Runtime's `intra_op_num_threads`. */
  intraOpThreads: number;
  /**
   * ONNX Runtime's `session.intra_op_thread_affinities`: for each thread inside a run but the first, which is the
   * caller's, the logical processors it may run on, counted from 1, like `2;3` or `1-2;3-4`. Default: any.
   */
  intraOpAffinities?: string | undefined;
}

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
    { intraOpThreads, intraOpAffinities }: StageSessionsOptions,
  ): Promise<StageSessions> {
    const sessions: InferenceSession[] = [];
    for (const model of models) {
      sessions.push(
        await InferenceSession.create(model, {
          intraOpNumThreads: intraOpThreads,
          interOpNumThreads: 1,
          executionMode: 'sequential',
          graphOptimizationLevel: 'all',
          logSeverityLevel: 3,
          ...(intraOpAffinities === undefined
            ? {}
            : { extra: { session: { intra_op_thread_affinities: intraOpAffinities } } }),
        }),
      );
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
}
