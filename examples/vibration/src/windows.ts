import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { npyFile } from './npy-file.js';
import { randomFrom } from './random.js';
import { channels, kinds, vibration, windowSamples } from './signal.js';

/** Windows of vibration and what they are of. */
export interface Windows {
  /** Each channels × samples. */
  signals: Float32Array[];
  /** Indices into the kinds. */
  labels: number[];
}

/** As many windows of each kind as of the others, in turns. @param seed of the numbers that are random */
export function makeWindows(count: number, seed: number): Windows {
  const random = randomFrom(seed);
  const labels = Array.from({ length: count }, (_, i) => i % kinds.length);
  return {
    labels,
    signals: labels.map((label) => vibration(kinds[label] as (typeof kinds)[number], random)),
  };
}

/** Writes `x_NAME.npy`, windows × channels × samples, and `y_NAME.npy`, their labels. */
export async function writeWindows(folder: string, name: string, windows: Windows): Promise<void> {
  const { signals, labels } = windows;
  await mkdir(folder, { recursive: true });
  const bytes = Buffer.concat(signals.map(({ buffer }) => new Uint8Array(buffer)));
  await writeFile(
    join(folder, `x_${name}.npy`),
    npyFile([signals.length, channels, windowSamples], '<f4', bytes),
  );
  await writeFile(join(folder, `y_${name}.npy`), npyFile([labels.length], '|u1', Uint8Array.from(labels)));
}
