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
    // onnxruntime-node keeps native threads alive; a process of its own lets them end cleanly.
    pool: 'forks',
    // Files share the processes: with one each, loading modules takes longer than most tests.
    isolate: false,
    // Most tests wait for other processes, so the core that vitest leaves idle by default would do little else.
    maxWorkers: availableParallelism(),
  },
});
