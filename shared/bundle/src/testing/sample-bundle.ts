import type { BundleContents } from '../files/write-bundle.js';

/**
 * A bundle with two branches that follows the schema, except that its models are not ONNX, which shows only when they
 * run.
 */
export function sampleBundle(): BundleContents {
  const branch = (cutPoint: string) => ({
    cutPoint,
    body: { kind: 'pool' as const, grid: 2, reduce: 'none' as const },
    reuse: false,
    criterion: 'confidence' as const,
    macs: 10,
    parameters: 20,
  });
  const stage = { segmentMacs: 100, segmentParameters: 50 };
  return {
    name: 'sample',
    input: { shape: [1, 4, 4], preprocessing: { mean: [0.5], std: [0.25] } },
    labels: ['cat', 'dog'],
    backbone: { file: 'sample.onnx', sha256: 'a'.repeat(64), macs: 300, parameters: 150 },
    stages: [
      {
        ...stage,
        model: Buffer.from('stage 0'),
        inputShape: [1, 4, 4],
        activationShape: [2, 2, 2],
        branch: branch('early'),
      },
      {
        ...stage,
        model: Buffer.from('stage 1'),
        inputShape: [2, 2, 2],
        activationShape: [4],
        branch: branch('late'),
      },
      { ...stage, model: Buffer.from('stage 2'), inputShape: [4], activationShape: null, branch: null },
    ],
    calibration: {
      samples: 3,
      branches: [
        { confidence: [0.9, 0.5, 0.1], agrees: '110' },
        { confidence: [0.9, 0.8, 0.7], agrees: '111' },
      ],
      correct: ['100', '110', '111'],
    },
    policy: { thresholds: [0.8, 0.75], targetAgreement: 0.98 },
    deviceStages: 1,
    provenance: {
      offrampVersion: '0.1.0',
      onnxruntimeVersion: '1.0.0',
      data: 'made up',
      trainingSamples: 10,
      calibrationSamples: 3,
      seed: 1,
      options: { branches: 2 },
    },
  };
}
