/** A sample as its source or a request gives it, preprocessed. */
export interface LoadedSample {
  /** The model's input, preprocessed. */
  input: Float32Array;
  /** The JPEG file that the input was made of, if that is small enough to travel as it is. */
  file?: Uint8Array;
}
