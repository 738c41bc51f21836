import { elementsOf, formatShape } from '@offramp/bundle';
import { OfframpError } from '@offramp/runtime';
import type { GraphEditor } from '../onnx/graph-editor.js';
import { type Activation, formOf } from './activation.js';

/** The branch body `pool`: the activation averaged over a small grid of regions, then flattened. */
export interface PoolBody {
  kind: 'pool';
  grid: number;
}

/** How an activation is pooled. */
export interface PoolGeometry {
  /** Remaining positions of the side that keeps most; at most the activation's. */
  grid: number;
  /** Output numbers per sample. */
  features: number;
  /** Window of the average pooling, one number per side; `null` if there is nothing to pool. */
  window: { kernel: number[]; strides: number[] } | null;
}

/**
 * How to pool one sample of an activation: channels × height × width to channels × grid × grid; channels × time to
 * channels × grid; tokens × width to the first token, which may be the class token, and the tokens' mean; a plain vector
 * stays unchanged. If the grid does not divide a side, windows overlap.
 * @throws OfframpError `MODEL_UNSUPPORTED` for any other rank
 */
export function poolGeometry(activation: Activation, grid: number): PoolGeometry {
  const form = formOf(activation);
  if (form.kind === 'vector') return { grid: 1, features: form.width, window: null };
  if (form.kind === 'tokens') return { grid: 1, features: 2 * form.width, window: null };
  if (form.kind === 'other') {
    throw new OfframpError(
      'MODEL_UNSUPPORTED',
      `expected an activation of 1 to 3 dimensions to pool; found ${formatShape(activation.shape)}`,
    );
  }
  const fitted = form.sides.map((side) => Math.min(grid, side));
  const strides = form.sides.map((side, i) => Math.floor(side / (fitted[i] as number)));
  const kernel = form.sides.map((side, i) => side - ((fitted[i] as number) - 1) * (strides[i] as number));
  return {
    grid: Math.max(...fitted),
    features: form.channels * elementsOf(fitted),
    window: { kernel, strides },
  };
}

/**
 * Appends the body to a graph.
 * @param tensor the activation, batch × shape
 * @returns the name of the features, batch × `poolGeometry(activation, grid).features`
 */
export function addPoolBody(
  editor: GraphEditor,
  tensor: string,
  activation: Activation,
  grid: number,
): string {
  const form = formOf(activation);
  if (form.kind === 'vector') return tensor;
  const features = editor.uniqueName('branch_features');
  const pooled = editor.uniqueName('branch_pooled');
  const { window } = poolGeometry(activation, grid);
  if (window) {
    const map = form.kind === 'map' && form.transposed ? addTransposed(editor, tensor, [0, 3, 1, 2]) : tensor;
    editor.addNode('AveragePool', [map], [pooled], {
      kernel_shape: { ints: window.kernel },
      strides: { ints: window.strides },
    });
  } else {
    // A product, because `ReduceMean` takes its axes differently in different opsets.
    const [tokens = 0] = activation.shape;
    const firstAndMean = editor.addInitializer(
      'branch_first_and_mean',
      [tokens, 2],
      Float32Array.from({ length: 2 * tokens }, (_, i) => (i === 0 ? 1 : i % 2 === 0 ? 0 : 1 / tokens)),
    );
    editor.addNode('MatMul', [addTransposed(editor, tensor, [0, 2, 1]), firstAndMean], [pooled]);
  }
  editor.addNode('Flatten', [pooled], [features], { axis: { i: 1 } });
  return features;
}

function addTransposed(editor: GraphEditor, tensor: string, permutation: readonly number[]): string {
  const transposed = editor.uniqueName('branch_transposed');
  editor.addNode('Transpose', [tensor], [transposed], { perm: { ints: permutation } });
  return transposed;
}
