import { z } from 'zod';
import { userName } from '../../fleet/user-name.js';

/** Who does something to a group, and why. */
export const byOptions = {
  reason: z.string().default('').meta({ description: 'Why, for the history', fallback: 'none' }),
  author: z
    .string()
    .optional()
    .meta({ description: 'Who does it, for the history', fallback: "your user's name" }),
};

export function byOf({ author, reason }: { author?: string | undefined; reason: string }) {
  return { author: author ?? userName(), reason };
}
