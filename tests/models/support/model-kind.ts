import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphEditor, type loadBackbone, type trainerFor, writeModel } from '@offramp/augment';
import { type Feature, Layers, type Numbers, writeWeightsApart } from '@offramp/augment/testing';

/** Element types of inputs and outputs, with their numbers in ONNX. */
export const elementTypes = {
  ...{ float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, string: 8, float16: 10, float64: 11 },
} as const;
export type ElementType = keyof typeof elementTypes;

export const classes = 5;

/** A kind of model: how its file is written, and what has to come of it. */
export interface ModelKind {
  /** Of one sample, in the model's own order. */
  shape: readonly number[];
  /** Default: float32. */
  type?: ElementType;
  /** Default: 17. */
  opset?: number;
  /** Default: float32. */
  numbers?: Numbers;
  /** Writes the network. @returns what becomes the output `scores` */
  network(net: Layers, x: Feature): Feature;
  /** Of the output. Default: float32. */
  scoresType?: ElementType;
  /** What an exporter does besides. */
  written?(model: GraphEditor): void;
  /** Where weights lie that are not in the model, relative to it. */
  weightsAt?: string;
  /** The batch size that is written into it. Default: any, or 1. */
  batch?: number;
  /** Of the command line. */
  options?: Parameters<typeof loadBackbone>[1];
  /** Of the branches, where not pooled. */
  recipe?: Partial<Parameters<typeof trainerFor>[0]>;
  /** What the scores are. Default: logits, one for each class. */
  scores?: 'logits' | 'probabilities' | 'one logit' | 'one probability';
  /** Why no branch pays, as `inspect` says. The bundle is then the whole model. */
  withoutBranches?: RegExp;
  /** That `inspect` refuses it, with what. Default: it becomes a bundle that answers as the model does. */
  refused?: { code: string; message: RegExp; hint: RegExp };
}

/** Writes a kind's file. @returns its path */
export async function writeKind(folder: string, kind: ModelKind): Promise<string> {
  const { shape, type = 'float32', opset = 17, numbers, scoresType } = kind;
  const editor = GraphEditor.create('x', shape, opset);
  const net = new Layers(editor, numbers);
  const scores = kind.network(net, { name: 'x', shape });
  if (scoresType) editor.addNode('Identity', [scores.name], ['scores']);
  else net.end(scores, 'scores');
  editor.addOutput('scores', scores.shape);
  setType(editor.graph.input[0], type);
  setType(editor.graph.output[0], scoresType ?? 'float32');
  kind.written?.(editor);
  const { weightsAt } = kind;
  if (weightsAt) await writeFile(join(folder, weightsAt), writeWeightsApart(editor, weightsAt));
  const path = join(folder, 'model.onnx');
  await writeFile(path, writeModel(editor.proto));
  return path;
}

function setType(value: GraphEditor['graph']['input'][number] | undefined, type: ElementType): void {
  const tensor = value?.type?.tensorType;
  if (tensor) tensor.elemType = elementTypes[type];
}
