import { setFlagsFromString } from 'node:v8';

/**
 * Sets how far the heap of this process, and the memory outside it that it holds, may grow before V8 collects it as a whole.
 *
 * Tensors and messages are buffers outside the heap that die young; V8 counts them all the same as growth of a heap that is
 * small itself, and so collects as a whole every few dozen of them, which took a third of a worker's event loop and a fifth of
 * an agent's processor time: `bench/data-plane`. Young collections find these buffers as well. Where much of the heap dies
 * middle-aged, as a controller's windows do, V8 lets it grow to four times what lives: `bench/fleet/scale.md`.
 * @param percent of what was live after the last whole collection
 */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
