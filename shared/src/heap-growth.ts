import { setFlagsFromString } from 'node:v8';

/**
 * Lets V8 collect the whole heap of this process more seldom. Tensors and messages are buffers outside the heap that die
 * young; V8 counts them all the same as growth of a heap that is small itself, and so collects as a whole every few dozen of
 * them, which took a third of a worker's event loop and a fifth of an agent's processor time: `bench/data-plane`. Young
 * collections find these buffers as well.
 * @param percent how much the heap, and the memory outside it that it holds, may grow before it is collected as a whole
 */
export function letHeapGrow(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
