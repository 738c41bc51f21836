import { elementsOf } from '@offramp/bundle';
import { isOfframpError } from '@offramp/runtime';
import { sweepCuts } from './cut-points.js';
import { dataFlow, pruned, readsOf, subgraphsOf, writesOf } from './graph.js';
import { inlineConstantIfs } from './inline-ifs.js';
import { LocalGraph } from './local-graph.js';
import type { OnnxModel } from './model.js';
import type { ProbeProcess, ProbeRun } from './probe.js';
import { type ShapeArithmetic, shapeArithmetic } from './shape-arithmetic.js';

/** What is computed from shapes has to be the same, or linear in the batch, for batches of these sizes. */
const batches = [1, 2, 5] as const;

/** Larger results of shape arithmetic are not turned into constants. */
export const maxShapeElements = 2 ** 20;

/**
 * Makes a model independent of what it reads from the shapes of early tensors, where that hides cut points: with samples
 * of one shape, such values are either constants or follow from the size of the batch, which any tensor nearby tells as
 * well. What they are is learned from runs.
 * @returns the given model where there is nothing to gain, or where it does not run on batches of other sizes
 * @throws OfframpError of the probe
 */
export async function localiseShapes(
  model: OnnxModel,
  sampleShape: readonly number[],
  process: ProbeProcess,
): Promise<OnnxModel> {
  const arithmetic = shapeArithmetic(model);
  if (!isWorthwhile(model, arithmetic)) return model;
  const runs = await observe(model, arithmetic, sampleShape, process);
  return runs ? inlineConstantIfs(rewrite(model, arithmetic, runs)) : model;
}

function isWorthwhile(model: OnnxModel, { readers, values }: ShapeArithmetic): boolean {
  if (readers.size === 0 || !values.dynamic.has(model.output.name)) return false;
  if ([...readers.keys()].some((node) => subgraphsOf(node).length > 0)) return true;
  const flow = dataFlow(model.graph, model.input.name, model.output.name);
  return sweepCuts(model, values).cuts.length > sweepCuts(model, flow).cuts.length;
}

/** One run for each size of batch; `null` where the model does not take one of them. */
async function observe(
  model: OnnxModel,
  { readers, values }: ShapeArithmetic,
  sampleShape: readonly number[],
  process: ProbeProcess,
): Promise<ProbeRun[] | null> {
  const wanted = [...new Set([...readers.values()].flat())];
  const around = [...readers.keys()].flatMap((node) => [
    ...readsOf(node).filter((name) => values.dynamic.has(name)),
    ...writesOf(node).slice(0, 1),
  ]);
  try {
    const probe = await process.open(model, sampleShape, around, wanted);
    const { shapes } = await probe.run(Math.max(...batches));
    const small = wanted.filter(
      (name) => probe.typeOf(name) !== undefined && elementsOf(shapes.get(name) ?? []) <= maxShapeElements,
    );
    const runs: ProbeRun[] = [];
    for (const batch of batches) runs.push(await probe.run(batch, small));
    return runs;
  } catch (error) {
    if (isOfframpError(error)) throw error;
    return null;
  }
}

function rewrite(
  model: OnnxModel,
  { readers, values }: ShapeArithmetic,
  runs: readonly ProbeRun[],
): OnnxModel {
  const local = new LocalGraph(model, runs, batches);
  for (const node of model.graph.node) {
    const shapes = readers.get(node);
    if (!shapes) local.add(node);
    else {
      const sources = readsOf(node).filter((name) => values.dynamic.has(name));
      local.addLocal(node, shapes, sources);
    }
  }
  return local.finish((nodes) => pruned(nodes, model.output.name));
}
