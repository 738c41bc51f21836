/** Numbers that are the same for the same seed (Mulberry32). */
export interface Random {
  /** In [0, 1). */
  uniform(): number;
  /** With mean 0 and deviation 1 (Box and Muller). */
  normal(): number;
  /** Between two numbers, their logarithms spread evenly. */
  logUniform(least: number, largest: number): number;
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    logUniform: (least, largest) => least * (largest / least) ** uniform(),
  };
}
