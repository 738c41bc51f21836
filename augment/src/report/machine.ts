import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';

/** The machine of a measurement. */
export interface Machine {
  /** The processor's name, as the operating system gives it. */
  cpu: string;
  cores: number;
  platform: string;
  nodeVersion: string;
  onnxruntimeVersion: string;
}

export function thisMachine(): Machine {
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    cpu: cpus()[0]?.model.trim() || 'unknown processor',
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    nodeVersion: process.versions.node,
    onnxruntimeVersion: version,
  };
}
