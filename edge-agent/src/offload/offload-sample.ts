import type { EncodedTensor } from '@offramp/bundle';
import type { TensorMessage } from '@offramp/contracts';

/** The fields of a request that depend on how the sample is encoded. */
export interface WrittenSample {
  stage: number;
  tensor: TensorMessage & EncodedTensor;
  thresholds: number[];
}

/** A sample at the stage where the device stops. */
export interface OffloadSample {
  bundleDigest: Uint8Array;
  policyVersion: number;
  /**
   * Encodes the sample. Called when it is sent, so that samples that are not sent are not encoded.
   * @param encodings that the worker accepts
   */
  write(encodings: ReadonlySet<number>): WrittenSample;
}
