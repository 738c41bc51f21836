import { ForwardSession } from '../autodiff/forward-session.js';
import { throwIfInterrupted } from '../support/interruption.js';
import type { BackboneRunner } from './backbone-runner.js';
import { activationInput, type BranchGraph, previousInput } from './branch-graph.js';
import type { TrainingTask } from './branch-trainer.js';
import { ExitAnswers } from './exit-answers.js';

/**
 * Runs the held-out pictures through the backbone and all trained branches.
 * @returns per branch `answers` and `scores`, confidence logits; `labels`, the backbone's answers
 */
export async function runHeldOut(
  task: TrainingTask,
  { graph, parts }: BranchGraph,
  backbone: BackboneRunner,
  values: ReadonlyMap<string, Float32Array>,
) {
  const rows = task.heldOut.size;
  const { classes } = task.backbone.output;
  const answers = parts.map(({ design }) => new ExitAnswers(task.criterion, rows, design.reuse !== 'none'));
  const scores = parts.map(() => new Float32Array(rows));
  const labels = new Uint16Array(rows);
  const sessions = await Promise.all(
    parts.map(({ logits, confidence }) =>
      ForwardSession.open(graph, {
        outputs: { probabilities: graph.softmax(logits), confidence },
        values,
      }),
    ),
  );
  task.progress.step('running held-out samples', rows);
  try {
    for await (const batch of backbone.over(task.heldOut, task.input)) {
      const count = batch.labels.length;
      labels.set(batch.labels, batch.start);
      let previous: Float32Array | null = null;
      for (const [i, session] of sessions.entries()) {
        const outputs: Readonly<Record<string, Float32Array>> = await session.run(
          {
            [activationInput(i)]: batch.tensors[i] as Float32Array,
            ...(previous ? { [previousInput(i)]: previous } : {}),
          },
          count,
        );
        const matrix = (values: Float32Array) => ({ values, rows: count, width: classes });
        const probabilities = outputs.probabilities as Float32Array;
        const before = previous && parts[i]?.design.reuse !== 'none' ? matrix(previous) : null;
        answers[i]?.add(batch.start, matrix(probabilities), before);
        scores[i]?.set(outputs.confidence as Float32Array, batch.start);
        previous = probabilities;
      }
      task.progress.advance(count);
      throwIfInterrupted(task.signal);
    }
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
  return { answers, scores, labels };
}
