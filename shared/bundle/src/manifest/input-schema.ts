import { z } from 'zod';
import { type PreprocessingProblem, preprocessingProblems, preprocessingSchema } from './preprocessing.js';
import { bounded, dimension } from './shape-schema.js';
import { tensorPreprocessingProblems, tensorPreprocessingSchema } from './tensor-preprocessing.js';

/** What a model's samples are: decoded pictures, or arrays of numbers. */
export const inputKinds = ['picture', 'tensor'] as const;
export type InputKind = (typeof inputKinds)[number];

const pictureInputSchema = z.strictObject({
  /** Default: `picture`. */
  kind: z.literal('picture').optional(),
  /** [channels, height, width] */
  shape: bounded(z.tuple([dimension, dimension, dimension])),
  preprocessing: preprocessingSchema,
});

const tensorInputSchema = z.strictObject({
  kind: z.literal('tensor'),
  /** In the model's own order, such as [features], [channels, time] or [channels, height, width]. */
  shape: bounded(z.array(dimension).min(1).max(3)),
  /** Default: numbers are taken as they are. */
  preprocessing: tensorPreprocessingSchema.optional(),
});

export const inputSchema = z.discriminatedUnion('kind', [pictureInputSchema, tensorInputSchema]);

export type PictureInput = z.infer<typeof pictureInputSchema>;
export type TensorInput = z.infer<typeof tensorInputSchema>;
/** The model's input, and how a sample of the data is converted to it. */
export type InputSpecification = PictureInput | TensorInput;

/** Contradictions between an input's shape and its preprocessing. */
export function inputProblems(input: InputSpecification): PreprocessingProblem[] {
  if (input.kind !== 'tensor') return preprocessingProblems(input.preprocessing, input.shape);
  const { shape, preprocessing } = input;
  return preprocessing ? tensorPreprocessingProblems(preprocessing, shape) : [];
}
