export { findCutPoints } from './onnx/cut-points.js';
export * from './onnx/extract-segment.js';
export * from './onnx/graph-editor.js';
export * from './onnx/model.js';
export * from './onnx/profile.js';
export * from './onnx/read-model.js';
export * from './onnx/write-model.js';
