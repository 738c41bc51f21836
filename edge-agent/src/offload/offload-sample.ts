import type { EncodedTensor } from '@offramp/bundle';
import type { TensorMessage } from '@offramp/contracts';

/** What of a request depends on how the sample is written. */
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
   * Called when it is sent, so that what never leaves is not encoded.
   * @param encodings that the worker takes
   */
  write(encodings: ReadonlySet<number>): WrittenSample;
}
