import type { Feature, Layers } from './layers.js';

/**
 * A small residual network: a convolution, blocks of two with a shortcut, pooling, a classifier.
 * @param widths channels of each block; all but the first halve the sides
 */
export function addResidualNetwork(
  layers: Layers,
  input: string,
  inputShape: readonly number[],
  { widths, blocksPerWidth = 1, classes }: ResidualOptions,
): Feature {
  let x = layers.conv(layers.begin(input, inputShape), widths[0] ?? 8);
  for (const [level, width] of widths.entries()) {
    for (let block = 0; block < blocksPerWidth; block++) {
      const stride = level > 0 && block === 0 ? 2 : 1;
      const inner = layers.conv(layers.conv(x, width, { stride }), width, { relu: false });
      const shortcut = stride === 1 ? x : layers.conv(x, width, { kernel: 1, stride, relu: false });
      x = layers.add(inner, shortcut);
    }
  }
  return layers.dense(layers.pool(x), classes);
}

export interface ResidualOptions {
  widths: readonly number[];
  /** Default 1. */
  blocksPerWidth?: number;
  classes: number;
}
