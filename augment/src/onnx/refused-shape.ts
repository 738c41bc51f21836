import { isOfframpError, OfframpError, ProcessFailure } from '@offramp/runtime';
import type { onnx } from '#onnx';
import { dataFlow } from './graph.js';
import { fitsDeclared } from './input-shape.js';
import { isDefaultDomain, type OnnxModel } from './model.js';
import { declaredShape } from './value-info.js';

/** Sides of the pictures that published classifiers take. */
const commonSides = [28, 32, 64, 96, 128, 160, 192, 224, 240, 256, 299, 384];

/** Runs the model on a batch of this shape. @returns the output's shape, batch included */
type RunWith = (sampleShape: readonly number[] | undefined) => Promise<readonly number[]>;

/**
 * What to say where a model fails with the sample shape that the user gave: whether the shape is to blame, and which one
 * would do.
 * @param error what the model failed with
 * @param batch of the runs
 * @param run without a shape: loads the model with the dimensions that it leaves open, and does not run it
 */
export async function blameShape(
  model: OnnxModel,
  wanted: readonly number[],
  error: unknown,
  { batch, run }: { batch: number; run: RunWith },
): Promise<unknown> {
  if (!isOfframpError(error)) return error;
  // Another shape might take as long, or as much memory.
  if (error.cause instanceof ProcessFailure && error.cause.reason !== 'error') return error;
  if (error.code !== 'MODEL_INVALID' && error.code !== 'MODEL_UNSUPPORTED') return error;
  const answers = async (shape: readonly number[]) => {
    try {
      const [first, , ...others] = await run(shape);
      return first === batch && others.every((size) => size === 1);
    } catch {
      return false;
    }
  };
  const isOpen =
    declaredShape(model.input)
      ?.slice(1)
      .every((size) => typeof size === 'number') !== true;
  if (!isOpen || (await answers(wanted))) return error;
  const accepted = await firstOf(shapesToTry(model, wanted), answers);
  if (!accepted && !(await loads(run))) return error;
  const declared = declaredShape(model.input);
  return new OfframpError(
    'CONFIG_INVALID',
    `--input-shape: found ${wanted.join(',')}, a shape that the model does not take: ${error.message}`,
    {
      hint: `Input ${model.input.name} is declared ${declared ? `as [${declared.join(', ')}], batch first` : 'without a shape'}${
        accepted ? `; the model takes ${accepted.join(',')}, for example` : ''
      }.`,
      cause: error,
    },
  );
}

async function loads(run: RunWith): Promise<boolean> {
  try {
    await run(undefined);
    return true;
  } catch {
    return false;
  }
}

async function firstOf<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<T | undefined> {
  for (const item of items) if (await test(item)) return item;
  return undefined;
}

/** Shapes that the model may take, the wanted sides first. */
function shapesToTry(model: OnnxModel, wanted: readonly number[]): number[][] {
  const { nodes } = dataFlow(model.graph, model.input.name, model.output.name);
  const channelsLast = nodes[0]?.opType === 'Transpose';
  const squares = commonSides.map((side) => [side, side]);
  const sides = wanted.length === 3 ? [wanted.slice(1), wanted.slice(0, 2), ...squares] : squares;
  const pictures = channelsOf(model, nodes).flatMap((channels) =>
    sides.map((side) => (channelsLast ? [...side, channels] : [channels, ...side])),
  );
  return pictures.filter((shape) => fitsDeclared(declaredShape(model.input), shape));
}

/** Channels that the first convolution takes. */
function channelsOf({ graph }: OnnxModel, nodes: readonly onnx.NodeProto[]): number[] {
  const first = nodes.find(({ opType, domain }) => isDefaultDomain(domain) && opType === 'Conv');
  const weight = graph.initializer.find(({ name }) => name === first?.input[1]);
  const group = first?.attribute.find(({ name }) => name === 'group')?.i.toNumber() ?? 1;
  return weight ? [Number(weight.dims[1]) * group] : [3, 1];
}
