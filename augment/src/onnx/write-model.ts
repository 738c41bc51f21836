import { OfframpError } from '@offramp/runtime';
import { onnx } from '#onnx';
import { maxModelBytes } from './model.js';

/**
 * The bytes of an ONNX file.
 * @throws OfframpError `MODEL_UNSUPPORTED` for a model beyond the format's 2 GiB
 */
export function writeModel(proto: onnx.ModelProto): Uint8Array {
  const writer = onnx.ModelProto.encode(proto);
  if (writer.len > maxModelBytes) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `the model would have ${writer.len} bytes; an ONNX file has at most ${maxModelBytes}`,
    );
  }
  return writer.finish();
}
