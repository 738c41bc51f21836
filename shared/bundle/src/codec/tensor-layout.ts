import type { InputSpecification, PictureInput } from '../manifest/input-specification.js';
import type { SymbolTable } from '../manifest/learned-codec.js';
import type { ActivationQuantisation, Manifest } from '../manifest/manifest.js';
import { elementsOf } from '../shape.js';

/** What sender and receiver know of a tensor in advance. */
export interface TensorLayout {
  /** Of one sample, as the bundle has it. */
  shape: readonly number[];
  /** If the tensor is the model's input: how it was made. */
  input?: InputSpecification;
  /** If the tensor is an activation that the model itself quantises to 8 bits: how. */
  quantisation?: ActivationQuantisation;
  /** Rows at the end of an activation that carry the answer of the exit before (`reuse`). They have float32. */
  carriedRows?: number;
  /** If a code of the bundle's learned codec can stand for the activation: its symbols' tables. */
  code?: readonly SymbolTable[];
}

/** The model's input, if the tensor is that and it is made of a picture. */
export function pictureOf({ input }: TensorLayout): PictureInput | null {
  return input && input.kind !== 'tensor' ? input : null;
}

type LayoutManifest = Pick<Manifest, 'input' | 'stages' | 'labels'>;

/**
 * The input of a stage.
 * @param stage one of the manifest's
 */
export function stageLayout(manifest: LayoutManifest, stage: number): TensorLayout {
  const shape = manifest.stages[stage]?.inputShape ?? [];
  if (stage === 0) return { shape, input: manifest.input };
  const { quantisation, learned } = manifest.stages[stage - 1] ?? {};
  return {
    ...{ shape, carriedRows: carriedRows(manifest, stage) },
    ...(quantisation ? { quantisation } : {}),
    ...(learned ? { code: learned.tables } : {}),
  };
}

function carriedRows({ stages, labels }: LayoutManifest, stage: number): number {
  const receiving = stages[stage];
  if (!receiving?.branch?.reuse) return 0;
  return Math.ceil(labels.length / elementsOf(receiving.inputShape.slice(1)));
}

/** Elements of the carried rows. */
export function carriedElements({ shape, carriedRows = 0 }: TensorLayout): number {
  return carriedRows * elementsOf(shape.slice(1));
}
