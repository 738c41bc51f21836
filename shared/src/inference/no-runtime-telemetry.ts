/**
 * ONNX Runtime's official builds from 1.29 on send usage data (hashes of models and their graphs among
 * them) to their vendor and keep a device's id in the home folder, unless told not to before the first
 * session. What a device sees is its own business. An operator who wants it sets the variable to 0.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';
