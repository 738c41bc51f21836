import { CodecSession, checkTensor, encodeTensor, learned, type TensorLayout } from '@offramp/bundle';
import type { LearnedCandidate } from '../codec/learned-candidates.js';

/** What a codec makes of activations. */
export interface Transferred {
  /** Of each sample. */
  bytes: number[];
  /** As they arrive, sample after sample. */
  decoded: Float32Array;
}

/** A learned codec on trial: encodes and decodes as device and worker do. */
export class LearnedTrial {
  private constructor(
    readonly candidate: LearnedCandidate,
    private readonly layout: TensorLayout,
    private readonly symbols: number,
    private readonly encoder: CodecSession,
    private readonly decoder: CodecSession,
  ) {}

  /**
   * @param stage whose input is encoded
   * @throws OfframpError `BUNDLE_INVALID`
   */
  static async open(
    candidate: LearnedCandidate,
    stage: number,
    shape: readonly number[],
  ): Promise<LearnedTrial> {
    const { encoder, decoder, tables } = candidate;
    const symbols = tables.reduce((sum, table) => sum + table.symbols, 0);
    const open = (model: Uint8Array, part: 'encoder' | 'decoder') =>
      CodecSession.open({ model, symbols }, part, stage, shape, {});
    const encoding = await open(encoder, 'encoder');
    const decoding = await open(decoder, 'decoder');
    return new LearnedTrial(candidate, { shape, code: tables }, symbols, encoding, decoding);
  }

  /** @param activations sample after sample, read only */
  async transfer(activations: Float32Array, samples: number): Promise<Transferred> {
    const { layout, symbols } = this;
    const codes = await this.encoder.run(activations, samples);
    const received = new Float32Array(codes.length);
    const bytes = Array.from({ length: samples }, (_, row) => {
      const [from, to] = [row * symbols, (row + 1) * symbols];
      const tensor = encodeTensor(learned, layout, codes.subarray(from, to));
      checkTensor('activation', layout, tensor).decodeInto(received.subarray(from, to));
      return tensor.data.byteLength;
    });
    return { bytes, decoded: await this.decoder.run(received, samples) };
  }

  async close(): Promise<void> {
    await this.encoder.release();
    await this.decoder.release();
  }
}
