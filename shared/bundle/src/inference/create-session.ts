import { InferenceSession } from 'onnxruntime-node';

/**
 * Keeps ONNX Runtime from sending usage data to its vendor.
 *
 * Official builds from 1.29 on send hashes of models and graphs and keep a device's id in the home folder, unless the
 * environment says otherwise before the first session. An operator who wants that sets `ORT_DISABLE_TELEMETRY` to 0.
 * A worker thread has a copy of the environment that the library does not see, so the main thread calls this before it
 * starts one.
 */
export function disableRuntimeTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
}

/**
 * Loads a model: the only way in which Offramp creates a session.
 * @param model the bytes of an ONNX file
 */
export function createSession(
  model: Uint8Array,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  disableRuntimeTelemetry();
  return InferenceSession.create(model, options);
}
