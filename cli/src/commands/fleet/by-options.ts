import { z } from 'zod';
import { userName } from '../../fleet/user-name.js';

/** Who changes something of a group, and why. */
export const byOptions = {
  reason: z.string().default('').meta({ description: 'Why, for the history', fallback: 'none' }),
  author: z
    .string()
    .optional()
    .meta({ description: 'Who does it, for the history', fallback: "your user's name" }),
  requestId: z.string().optional().meta({
    description: 'Name of this change: a command that is repeated with the same name changes nothing again',
    fallback: 'a new one',
  }),
};

export function byOf(options: {
  author?: string | undefined;
  reason: string;
  requestId?: string | undefined;
}) {
  const { author = userName(), reason, requestId } = options;
  return { author, reason, ...(requestId === undefined ? {} : { requestId }) };
}
