import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      '*/src/**/*.test.ts',
      'shared/*/src/**/*.test.ts',
      'controller/dashboard/src/**/*.test.ts',
      'examples/*/src/**/*.test.ts',
      'tests/**/*.test.ts',
    ],
    // Only tests that hang run into these: a busy machine takes several times as long as an idle one.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // onnxruntime-node keeps native threads alive; a forked process per file lets each end cleanly.
    pool: 'forks',
    // Most tests wait for other processes, so the core that vitest leaves idle by default would do little else.
    maxWorkers: availableParallelism(),
  },
});
