import {
  type CodecChoice,
  codecNamed,
  type EncodedTensor,
  encodeFirst,
  float32,
  learned,
  type Manifest,
  preferredCodecs,
  stageLayout,
  type TensorLayout,
  uint8,
  uint8Deflated,
} from '@offramp/bundle';
import { neverExits } from '@offramp/contracts';
import type { LoadedSample } from '../pipeline/loaded-sample.js';
import type { WrittenSample } from './offload-sample.js';
import { type PicturePacker, picturePacker } from './picture-packer.js';

/** The tensors of a sample that can be sent. */
export interface SampleTensors {
  /** The activation of the device's last stage. */
  activation: Float32Array;
  /** Symbols of the bundle's learned codec for it, if there is one. */
  code?: Float32Array;
  /** From {@link SampleWriter.prepareInput}. */
  input: PreparedInput | null;
}

/** The model's input, ready to be sent. */
export interface PreparedInput {
  values: Float32Array;
  /** The picture as a file; `null`: it is sent as its 8-bit samples. */
  packed: EncodedTensor | null;
}

/** Encodes samples for a worker: the activation with the bundle's codec, or the input if that is allowed and smaller. */
export class SampleWriter {
  private readonly preferred: readonly CodecChoice[];
  private readonly layout: TensorLayout;
  private readonly packer: PicturePacker | null;

  /**
   * @param deviceStages stages that the device runs, fewer than all
   * @param sendsInput whether the input may be sent
   * @param lossless whether tensors are sent without loss, regardless of the bundle's codecs
   */
  constructor(
    private readonly manifest: Manifest,
    private readonly deviceStages: number,
    private readonly sendsInput: boolean,
    private readonly lossless = false,
  ) {
    this.preferred = preferredCodecs(manifest, deviceStages, lossless);
    this.layout = stageLayout(manifest, deviceStages);
    this.packer = sendsInput ? picturePacker(manifest, deviceStages, lossless) : null;
  }

  /**
   * Packs the input of a sample that is about to be sent.
   * @param encodings that the worker accepts
   * @returns `null` if the operator has not allowed to send it
   */
  async prepareInput(loaded: LoadedSample, encodings: ReadonlySet<number>): Promise<PreparedInput | null> {
    if (!this.sendsInput) return null;
    const packed = (await this.packer?.pack(loaded, encodings)) ?? null;
    return { values: loaded.input, packed };
  }

  /**
   * @param thresholds of the sample
   * @param encodings that the worker accepts
   */
  write(
    { activation, code, input }: SampleTensors,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample {
    const asActivation =
      (code && this.writeCode(code, thresholds, encodings)) ??
      this.writeActivation(activation, thresholds, encodings);
    const asInput = input && this.writeInput(input, thresholds, encodings);
    return asInput && asInput.tensor.data.byteLength < asActivation.tensor.data.byteLength
      ? asInput
      : asActivation;
  }

  /** @returns `null` where the worker takes no codes, or this one is none */
  private writeCode(
    code: Float32Array,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample | null {
    const { encoding } = learned;
    const encoded = !this.lossless && encodings.has(encoding) ? learned.encode(code, this.layout) : null;
    if (!encoded) return null;
    const tensor = { shape: [...this.layout.shape], ...encoded };
    return { stage: this.deviceStages, tensor, thresholds: [...thresholds] };
  }

  private writeActivation(
    activation: Float32Array,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample {
    const choices = this.preferred.filter(({ codec: { encoding } }) => encodings.has(encoding));
    const tensor = encodeFirst(choices, this.layout, activation);
    return { stage: this.deviceStages, tensor, thresholds: [...thresholds] };
  }

  /** @returns `null` if the worker accepts no encoding of the input */
  private writeInput(
    prepared: PreparedInput,
    thresholds: readonly number[],
    encodings: ReadonlySet<number>,
  ): WrittenSample | null {
    const { input } = this.manifest;
    const encoded = this.encodeInput(prepared, encodings);
    if (!encoded) return null;
    return {
      stage: 0,
      tensor: { shape: [...input.shape], ...encoded },
      // The sample has passed the device's exits. Rounding must not let it exit at one of them on the worker.
      thresholds: thresholds.map((threshold, exit) => (exit < this.deviceStages ? neverExits : threshold)),
    };
  }

  private encodeInput(
    { values, packed }: PreparedInput,
    encodings: ReadonlySet<number>,
  ): EncodedTensor | null {
    if (packed && encodings.has(packed.encoding)) return packed;
    const { input } = this.manifest;
    const codecs =
      input.kind === 'tensor' ? [codecNamed('float32+deflate'), float32] : [uint8Deflated, uint8];
    const codec = codecs.find(({ encoding }) => encodings.has(encoding));
    return codec?.encode(values, { shape: input.shape, input }) ?? null;
  }
}
