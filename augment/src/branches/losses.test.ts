import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import { evaluate } from '../autodiff/testing/evaluation.js';
import { branchLoss, type LossOptions } from './losses.js';

const options: LossOptions = {
  kind: 'separate',
  lambda: 0.5,
  distillation: 0,
  temperature: 1,
  reachFloor: 1,
};
const batch = 3;
const classes = 3;
const costs = [0.3, 0.7, 1.1];
const rows = [0, 1, 2];
const target = [0, 1, 2];
const teacher = [
  [4, 0, -1],
  [0.5, 2, 1],
  [0, 0.2, 3],
];
const exits = [
  {
    logits: [
      [2, 1, 0],
      [1, 1.5, 0],
      [0.3, 1, 0.2],
    ],
    confidence: [0.5, -1, 0.2],
  },
  {
    logits: [
      [3, 0, 0],
      [0, 2, 1],
      [0, 0.5, 2],
    ],
    confidence: [2, 0.3, 1],
  },
];

/** The loss as training computes it. */
async function lossOf(changes: Partial<LossOptions>, warmUp = 0): Promise<number> {
  const g = new GraphBuilder();
  const inputs = {
    teacher: g.input('teacher', [batch, classes]),
    target: g.integerInput('target', [batch]),
    logits0: g.input('logits0', [batch, classes]),
    logits1: g.input('logits1', [batch, classes]),
    confidence0: g.input('confidence0', [batch, 1]),
    confidence1: g.input('confidence1', [batch, 1]),
    ...(changes.kind ? { warmUp: g.input('warmUp', [1, 1]) } : {}),
  };
  const loss = branchLoss(
    g,
    [
      { logits: inputs.logits0, confidence: inputs.confidence0, cost: costs[0] as number },
      { logits: inputs.logits1, confidence: inputs.confidence1, cost: costs[1] as number },
    ],
    { logits: inputs.teacher, target: inputs.target, cost: costs[2] as number },
    { ...options, ...changes },
    inputs.warmUp ?? g.filled(0, [1, 1]),
  );
  const values = {
    teacher: Float32Array.from(teacher.flat()),
    target: Int32Array.from(target),
    ...(changes.kind ? { warmUp: Float32Array.of(warmUp) } : {}),
    ...Object.fromEntries(exits.map(({ logits }, i) => [`logits${i}`, Float32Array.from(logits.flat())])),
    ...Object.fromEntries(
      exits.map(({ confidence }, i) => [`confidence${i}`, Float32Array.from(confidence)]),
    ),
  };
  const [result] = await evaluate(inputs, values, [loss]);
  return result?.[0] as number;
}

const softmax = (scores: readonly number[], temperature = 1) => {
  const exponentials = scores.map((score) => Math.exp(score / temperature));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
};
const sigmoid = (score: number) => 1 / (1 + Math.exp(-score));
const meanOver = (of: (row: number) => number) => rows.reduce((sum, row) => sum + of(row), 0) / batch;

/** PTEENet's formulas, sample by sample. */
function joint(lambda: number): number[] {
  const terms = [0, 1].map((exit) =>
    meanOver((row) => {
      let answer = softmax(teacher[row] as number[]);
      let cost = costs[2] as number;
      for (let i = 1; i >= exit; i--) {
        const h = sigmoid(exits[i]?.confidence[row] as number);
        const own = softmax(exits[i]?.logits[row] as number[]);
        answer = own.map((p, c) => h * p + (1 - h) * (answer[c] as number));
        cost = h * (costs[i] as number) + (1 - h) * cost;
      }
      return -Math.log(answer[target[row] as number] as number) + lambda * cost;
    }),
  );
  return terms;
}

describe('branchLoss', () => {
  it('has the joint losses of answer and cost', async () => {
    const [first = 0, second = 0] = joint(0.5);
    expect(await lossOf({ kind: 'sum' })).toBeCloseTo((first + second) / 2, 5);
    expect(await lossOf({ kind: 'fused' })).toBeCloseTo(first, 5);
    expect(await lossOf({ kind: 'fused', lambda: 0 })).toBeCloseTo(joint(0)[0] as number, 5);
  });

  it.each(['sum', 'fused'] as const)('trains class heads alone while %s warms up', async (kind) => {
    const [first = 0, second = 0] = exits.map(({ logits }) =>
      meanOver((row) => -Math.log(softmax(logits[row] as number[])[target[row] as number] as number)),
    );
    expect(await lossOf({ kind }, 1)).toBeCloseTo((first + second) / 2, 5);
  });

  it('sums cross-entropy and the binary cross-entropy of the confidence, if separate', async () => {
    const expected = exits.map(({ logits, confidence }) =>
      meanOver((row) => {
        const p = softmax(logits[row] as number[]);
        const h = sigmoid(confidence[row] as number);
        const agrees = p.indexOf(Math.max(...p)) === target[row];
        return -Math.log(p[target[row] as number] as number) - Math.log(agrees ? h : 1 - h);
      }),
    );
    expect(await lossOf({})).toBeCloseTo(((expected[0] as number) + (expected[1] as number)) / 2, 5);
  });

  it("distils the backbone's softened answer", async () => {
    const distilled = (temperature: number) =>
      exits.map(({ logits }) =>
        meanOver((row) => {
          const soft = softmax(teacher[row] as number[], temperature);
          const own = softmax(logits[row] as number[], temperature);
          return -(temperature ** 2) * soft.reduce((sum, p, c) => sum + p * Math.log(own[c] as number), 0);
        }),
      );
    const [cold, warm] = [
      await lossOf({ distillation: 1 }),
      await lossOf({ distillation: 1, temperature: 3 }),
    ];
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    expect(warm - cold).toBeCloseTo((sum(distilled(3)) - sum(distilled(1))) / 2, 4);
  });

  it('weights a sample less at an exit that it rarely reaches', async () => {
    const all = await lossOf({});
    const reached = await lossOf({ reachFloor: 0 });
    const [first, second] = exits.map(({ logits, confidence }) =>
      rows.map((row) => {
        const p = softmax(logits[row] as number[]);
        const h = sigmoid(confidence[row] as number);
        const agrees = p.indexOf(Math.max(...p)) === target[row];
        return -Math.log(p[target[row] as number] as number) - Math.log(agrees ? h : 1 - h);
      }),
    );
    const unsure = rows.map((row) => 1 - Math.max(...softmax(exits[0]?.logits[row] as number[])));
    const weighted = meanOver((row) => (unsure[row] as number) * (second?.[row] as number));
    expect(reached).toBeCloseTo((meanOver((row) => first?.[row] as number) + weighted) / 2, 5);
    expect(reached).toBeLessThan(all);
  });
});
