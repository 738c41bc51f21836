import { OfframpError } from '@offramp/runtime';
import type { GraphEditor } from '../onnx/graph-editor.js';

/** The branch body `pool`: the activation averaged over a small grid of regions, then flattened. */
export interface PoolBody {
  kind: 'pool';
  grid: number;
}

/** How an activation is pooled. */
export interface PoolGeometry {
  /** Remaining positions per side; at most the activation's. */
  grid: number;
  /** Output numbers per sample. */
  features: number;
  /** Window of the average pooling; `null` if there is nothing to pool. */
  window: { kernel: [number, number]; strides: [number, number] } | null;
}

/**
 * How to pool one sample of an activation: channels × height × width to channels × grid × grid; tokens ×
 * width to the first token, which may be the class token, and the tokens' mean; a plain vector stays unchanged.
 * If the grid does not divide a side, windows overlap.
 * @throws OfframpError `MODEL_UNSUPPORTED` for any other rank
 */
export function poolGeometry(shape: readonly number[], grid: number): PoolGeometry {
  if (shape.length === 1) return { grid: 1, features: shape[0] as number, window: null };
  if (shape.length === 2) return { grid: 1, features: 2 * (shape[1] as number), window: null };
  if (shape.length !== 3) {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `expected an activation of 1 to 3 dimensions to pool; found ${shape.join('×')}`,
    );
  }
  const [channels, height, width] = shape as [number, number, number];
  const fitted = Math.min(grid, height, width);
  const strides: [number, number] = [Math.floor(height / fitted), Math.floor(width / fitted)];
  const kernel: [number, number] = [height - (fitted - 1) * strides[0], width - (fitted - 1) * strides[1]];
  return { grid: fitted, features: channels * fitted * fitted, window: { kernel, strides } };
}

/**
 * Appends the body to a graph.
 * @param tensor the activation, batch × shape
 * @returns the name of the features, batch × `poolGeometry(shape, grid).features`
 */
export function addPoolBody(
  editor: GraphEditor,
  tensor: string,
  shape: readonly number[],
  grid: number,
): string {
  const { window } = poolGeometry(shape, grid);
  if (shape.length === 1) return tensor;
  const features = editor.uniqueName('branch_features');
  let pooled: string;
  if (window) {
    pooled = editor.uniqueName('branch_pooled');
    editor.addNode('AveragePool', [tensor], [pooled], {
      kernel_shape: { ints: window.kernel },
      strides: { ints: window.strides },
    });
  } else {
    // A product, because `ReduceMean` takes its axes differently in different opsets.
    const tokens = shape[0] as number;
    const firstAndMean = editor.addInitializer(
      'branch_first_and_mean',
      [tokens, 2],
      Float32Array.from({ length: 2 * tokens }, (_, i) => (i === 0 ? 1 : i % 2 === 0 ? 0 : 1 / tokens)),
    );
    const transposed = editor.uniqueName('branch_transposed');
    pooled = editor.uniqueName('branch_pooled');
    editor.addNode('Transpose', [tensor], [transposed], { perm: { ints: [0, 2, 1] } });
    editor.addNode('MatMul', [transposed, firstAndMean], [pooled]);
  }
  editor.addNode('Flatten', [pooled], [features], { axis: { i: 1 } });
  return features;
}
