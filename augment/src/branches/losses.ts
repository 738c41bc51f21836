import type { GraphBuilder } from '../autodiff/graph-builder.js';
import type { Tensor } from '../autodiff/tensor.js';

export const lossKinds = ['separate', 'sum', 'fused'] as const;
export type LossKind = (typeof lossKinds)[number];

export interface LossOptions {
  /**
   * - `separate`: every class head separately (cross-entropy, distillation), every confidence head on whether its
   *   class head agrees with the target (binary cross-entropy).
   * - `sum` and `fused`: PTEENet's joint losses of answer and cost.
   */
  kind: LossKind;
  /** Weight λ of the cost in `sum` and `fused`. */
  lambda: number;
  /** Share of distillation in the class heads' loss, in [0, 1]; the rest is cross-entropy. */
  distillation: number;
  /** Softens both sides of the distillation. */
  temperature: number;
  /**
   * Weight of samples on which earlier exits are confident, in [0, 1]: 1 weights all equally, 0 leaves out those
   * that would have exited.
   */
  reachFloor: number;
}

/** One exit's outputs for a batch. */
export interface ExitTensors {
  /** batch × classes */
  logits: Tensor;
  /** Logit of the confidence, batch × 1. */
  confidence: Tensor;
  /** Cumulative cost up to the exit, over the whole backbone's. */
  cost: number;
}

export interface Teacher {
  /** The backbone's output, batch × classes: scores or logarithms of probabilities. */
  logits: Tensor;
  /** The class to answer, one per sample: int32. */
  target: Tensor;
  /** Cost of the final exit. */
  cost: number;
}

const tiny = 1e-7;

/**
 * The loss of all branches for one batch: a scalar.
 * @param warmUp 1 × 1, of joint losses: 1 trains the class heads alone, 0 the joint loss alone. A joint loss trains a
 *   class head only as far as its confidence head lets samples exit; before class heads have learned, it is cheapest to
 *   let none exit, and nothing is learned from then on.
 */
export function branchLoss(
  g: GraphBuilder,
  exits: readonly ExitTensors[],
  teacher: Teacher,
  options: LossOptions,
  warmUp: Tensor,
): Tensor {
  if (options.kind === 'separate') return separateLoss(g, exits, teacher, options);
  const { answerLoss } = answerLosses(g, teacher, options);
  const classHeads = g.div(
    exits
      .map(({ logits }) => g.mean(answerLoss(logits)))
      .reduce((sum, term) => g.add(sum, term), g.filled(0, [])),
    Math.max(1, exits.length),
  );
  const joint = jointLoss(g, exits, teacher, options);
  return g.mean(g.add(g.mul(warmUp, classHeads), g.mul(g.sub(1, warmUp), joint)));
}

/** The loss of one class head: cross-entropy and distillation, batch × 1. */
function answerLosses(
  g: GraphBuilder,
  teacher: Teacher,
  { distillation, temperature }: Pick<LossOptions, 'distillation' | 'temperature'>,
) {
  const soft = g.stopGradient(g.softmax(g.div(teacher.logits, temperature)));
  const classes = soft.shape[1] as number;
  const oneHot = g.oneHot(teacher.target, classes);
  const answerLoss = (logits: Tensor): Tensor => {
    const hard = g.neg(g.sum(g.mul(g.logSoftmax(logits), oneHot), { axes: [1], keepDims: true }));
    // Up to the teacher's entropy, which has no gradient, this is T² times the Kullback-Leibler divergence.
    const softened = g.logSoftmax(g.div(logits, temperature));
    const distilled = g.mul(
      g.neg(g.sum(g.mul(soft, softened), { axes: [1], keepDims: true })),
      temperature * temperature,
    );
    return g.add(g.mul(hard, 1 - distillation), g.mul(distilled, distillation));
  };
  return { oneHot, answerLoss };
}

/**
 * PTEENet's loss (A. Lahiany, Y. Aperstein, 2022, section III-C). From the final exit back:
 * Ŷ_i = h_i·y_i + (1 − h_i)·Ŷ_{i+1}, the cost Ĉ alike; loss = mean over exits of NLL(Ŷ_i, target) + λ·Ĉ_i, or
 * that of the first exit alone (`fused`).
 */
function jointLoss(
  g: GraphBuilder,
  exits: readonly ExitTensors[],
  teacher: Teacher,
  { kind, lambda }: LossOptions,
): Tensor {
  const batch = teacher.target.shape[0] as number;
  let answer = g.stopGradient(g.softmax(teacher.logits));
  let cost: Tensor = g.filled(teacher.cost, [batch, 1]);
  const terms: Tensor[] = [];
  for (const exit of exits.toReversed()) {
    const h = g.sigmoid(exit.confidence);
    const rest = g.sub(1, h);
    answer = g.add(g.mul(h, g.softmax(exit.logits)), g.mul(rest, answer));
    cost = g.add(g.mul(h, exit.cost), g.mul(rest, cost));
    const likelihood = g.gatherColumn(answer, teacher.target);
    terms.push(g.add(g.neg(g.mean(g.log(g.add(likelihood, tiny)))), g.mul(g.mean(cost), lambda)));
  }
  const counted = kind === 'fused' ? terms.slice(-1) : terms;
  return g.div(
    counted.reduce((sum, term) => g.add(sum, term)),
    counted.length,
  );
}

function separateLoss(
  g: GraphBuilder,
  exits: readonly ExitTensors[],
  teacher: Teacher,
  options: LossOptions,
): Tensor {
  const { reachFloor } = options;
  const batch = teacher.target.shape[0] as number;
  const { oneHot, answerLoss } = answerLosses(g, teacher, options);
  let reach: Tensor = g.filled(1, [batch, 1]);
  let total: Tensor | null = null;
  for (const { logits, confidence } of exits) {
    const probabilities = g.stopGradient(g.softmax(logits));
    const agrees = agreement(g, probabilities, oneHot);
    const confident = g.sub(g.softplus(confidence), g.mul(agrees, confidence));
    const term = g.mean(g.mul(reach, g.add(answerLoss(logits), confident)));
    total = total ? g.add(total, term) : term;
    const unsure = g.sub(1, g.topK(probabilities, 1));
    reach = g.stopGradient(g.add(g.mul(unsure, 1 - reachFloor), reachFloor));
  }
  return g.div(total ?? g.filled(0, []), Math.max(1, exits.length));
}

/** 1 where the likeliest class is the target's, else 0: batch × 1. */
function agreement(g: GraphBuilder, probabilities: Tensor, oneHot: Tensor): Tensor {
  const ofTarget = g.sum(g.mul(probabilities, oneHot), { axes: [1], keepDims: true });
  const gap = g.sub(g.topK(probabilities, 1), ofTarget);
  return g.stopGradient(g.clip(g.sub(1, g.mul(gap, 1e9)), 0, 1));
}
