import { z } from 'zod';
import { elementsOf, formatShape, maxSampleElements } from '../shape.js';

export const dimension = z.number().int().positive();

/** @param dimensions of one sample */
export const bounded = <Schema extends z.ZodType<number[]>>(dimensions: Schema) =>
  dimensions.refine((shape) => elementsOf(shape) <= maxSampleElements, {
    error: ({ input }) =>
      `expected at most ${maxSampleElements} values in a sample; found ${formatShape(input as number[])}`,
  });
