import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { elementsOf } from '../shape.js';
import { checkCodec } from './check-stage.js';
import { createSession } from './create-session.js';
import type { CodecModel } from './stage-models.js';
import { stageTensors } from './stage-runner.js';

/** Encoder or decoder of a learned codec, opened in this thread. */
export class CodecSession {
  private constructor(
    private readonly session: InferenceSession,
    private readonly part: 'encoder' | 'decoder',
    private readonly activation: readonly number[],
    /** Of a code. */
    readonly symbols: number,
  ) {}

  /**
   * @param stage that it comes after, or before
   * @param activation shape of one sample
   * @throws OfframpError `BUNDLE_INVALID` for a model that is not what the manifest says; Error of ONNX Runtime
   */
  static async open(
    { model, symbols }: CodecModel,
    part: 'encoder' | 'decoder',
    stage: number,
    activation: readonly number[],
    options: InferenceSession.SessionOptions,
  ): Promise<CodecSession> {
    const session = await createSession(model, options);
    checkCodec(session, `stage ${stage}: ${part}`, part, activation, symbols);
    return new CodecSession(session, part, activation, symbols);
  }

  /**
   * @param values activations or codes, sample after sample
   * @throws Error of ONNX Runtime
   */
  async run(values: Float32Array, batch: number): Promise<Float32Array> {
    const { activation, code } = stageTensors;
    const encodes = this.part === 'encoder';
    const shape = encodes ? this.activation : [this.symbols];
    const outputs = await this.session.run({
      [encodes ? activation : code]: new Tensor('float32', values, [batch, ...shape]),
    });
    const found = outputs[encodes ? code : activation]?.data as Float32Array;
    const expected = batch * (encodes ? this.symbols : elementsOf(this.activation));
    if (found.length === expected) return found;
    throw new Error(`${this.part}: expected ${expected} elements, found ${found.length}`);
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}
