import { elementsOf } from '@offramp/bundle';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import { type Initialiser, lecunNormal, ones } from '../autodiff/initialise.js';
import type { Tensor } from '../autodiff/tensor.js';
import { answerFeatures } from './answer-features.js';
import { buildBody } from './body.js';
import type { BranchDesign, TrainingTask } from './branch-trainer.js';

/** Smaller probabilities of the previous exit are clipped to this. */
const reusedFloor = Math.exp(-10);
/** Scales their logarithms to about the range of normalised features. */
const reusedScale = 0.2;

export interface BranchPart {
  name: string;
  design: BranchDesign;
  logits: Tensor;
  confidence: Tensor;
  macs: number;
  /** Share of the backbone's cost up to this exit, branches included. */
  cost: number;
}

export interface BranchGraph {
  graph: GraphBuilder;
  parts: BranchPart[];
}

export const activationInput = (branch: number) => `activation${branch}`;
export const logitsOutput = (branch: number) => `logits${branch}`;
export const previousInput = (branch: number) => `previous${branch}`;

export interface BranchGraphOptions {
  /** Samples that the graph takes. */
  batch: number;
  /** How many such batches make a step of training. Default: 1 */
  microBatches?: number;
  /**
   * Where a branch with reuse gets the previous exit's probabilities: from `inside` the graph, for training, or from an
   * `input`, as in a deployed stage. Parameters are the same.
   */
  connection: 'inside' | 'input';
  /**
   * What the confidence head sees: the `features` of the class head, or its `answer`, too. A head that is trained on the
   * pictures that its class head learns, with too few mistakes in them, orders samples by that answer. Default: `features`
   */
  scored?: 'features' | 'answer';
}

/** The forward graph of all branches. */
export function buildBranches(
  task: Pick<TrainingTask, 'backbone' | 'designs'>,
  { batch, microBatches = 1, connection, scored = 'features' }: BranchGraphOptions,
): BranchGraph {
  const g = new GraphBuilder(microBatches);
  const { classes } = task.backbone.output;
  let branchMacs = 0;
  let before: Tensor | null = null;
  const parts = task.designs.map((design, i): BranchPart => {
    const name = `branch${i}`;
    const x = g.input(activationInput(i), [batch, ...design.cutPoint.shape]);
    const body = buildBody(g, x, design.cutPoint, design.body, name);
    const previous =
      connection === 'inside' && before
        ? before
        : design.reuse !== 'none'
          ? g.input(previousInput(i), [batch, classes])
          : null;
    const seen =
      design.reuse === 'linear' && previous
        ? g.concat([body.features, g.mul(logarithm(g, previous), reusedScale)], 1)
        : body.features;
    const width = seen.shape[1] as number;
    const own = g.linear(
      seen,
      g.parameter(`${name}.class.weights`, [width, classes], lecunNormal),
      g.parameter(`${name}.class.bias`, [classes]),
    );
    const logits =
      design.reuse === 'geometric' && previous
        ? g.add(own, g.mul(logarithm(g, previous), g.parameter(`${name}.exponent`, [1], ones)))
        : own;
    const known = scored === 'answer' ? g.concat([answerFeatures(g, logits), seen], 1) : seen;
    const knownWidth = known.shape[1] as number;
    const confidence = g.linear(
      known,
      g.parameter(
        `${name}.confidence.weights`,
        [knownWidth, 1],
        scored === 'answer' ? oddsAlone : lecunNormal,
      ),
      g.parameter(`${name}.confidence.bias`, [1]),
    );
    const macs = body.macs + width * classes + knownWidth;
    branchMacs += macs;
    before = g.stopGradient(g.softmax(logits));
    return {
      name,
      design,
      logits,
      confidence,
      macs,
      cost: (design.cutPoint.cumulativeMacs + branchMacs) / task.backbone.macs,
    };
  });
  return { graph: g, parts };
}

function logarithm(g: GraphBuilder, probabilities: Tensor): Tensor {
  return g.log(g.clip(probabilities, reusedFloor, 1));
}

/** Before training, the score is the log-odds of the likeliest class. */
const oddsAlone: Initialiser = ([width = 0]) =>
  Float32Array.from({ length: width }, (_, i) => (i === 0 ? 1 : 0));

/** Number of parameters of a branch. */
export function parameterCount(g: GraphBuilder, name: string): number {
  return [...g.parameters.values()]
    .filter((parameter) => parameter.name.startsWith(`${name}.`))
    .reduce((sum, { tensor }) => sum + elementsOf(tensor.shape), 0);
}
