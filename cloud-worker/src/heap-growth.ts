import { setFlagsFromString } from 'node:v8';

/** How much the heap, and the memory outside it that it holds, may grow before it is collected as a whole. */
const growthPercent = 900;

/**
 * Lets V8 collect the whole heap more seldom, in this process. Each message is a buffer outside the heap that dies young;
 * V8 counts it all the same as growth of a heap that is small itself, and so collects as a whole every few dozen messages,
 * which takes a third of the event loop's time: `bench/data-plane/worker.md`. Young collections find these buffers as well.
 */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}
