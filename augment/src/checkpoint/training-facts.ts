import { createHash } from 'node:crypto';
import type { Dataset } from '@offramp/data';
import { offrampVersion } from '@offramp/runtime';
import type { TrainingTask } from '../branches/branch-trainer.js';
import { onnxruntimeVersion } from '../pipeline/onnxruntime-version.js';
import type { TrainingFacts } from './checkpoint-file.js';

/** What every training depends on. A trainer adds its own options. */
export function trainingFacts(task: TrainingTask, backboneSha256: string): TrainingFacts {
  const { preprocessing, shape } = task.input;
  return {
    offramp: offrampVersion,
    'ONNX Runtime': onnxruntimeVersion(),
    backbone: backboneSha256,
    output: task.backbone.output.name,
    'input shape': shape.join('×'),
    data: task.training.description,
    pictures: task.training.size,
    'names and labels': namesSha256(task.training),
    preprocessing: JSON.stringify(preprocessing),
    branches: task.designs
      .map(
        ({ cutPoint, body, reuse }) =>
          `${cutPoint.tensor} ${JSON.stringify(body)}${reuse === 'none' ? '' : ` reuse ${reuse}`}`,
      )
      .join(', '),
    targets: task.targets ? 'labels' : 'backbone',
    epochs: task.epochs,
    ...(task.picturesPerEpoch < task.training.size ? { 'pictures an epoch': task.picturesPerEpoch } : {}),
    seed: task.seed,
  };
}

function namesSha256(dataset: Dataset): string {
  const hash = createHash('sha256');
  for (let i = 0; i < dataset.size; i++) hash.update(`${dataset.nameAt(i)}\0${dataset.labelAt(i)}\n`);
  return hash.digest('hex');
}
