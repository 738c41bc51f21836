import { z } from 'zod';
import { userName } from '../../fleet/user-name.js';

/** Author, reason and request ID of a change. */
export const byOptions = {
  reason: z
    .string()
    .default('')
    .meta({ description: 'Reason for the change, for the history', fallback: 'none' }),
  author: z
    .string()
    .optional()
    .meta({ description: 'Author of the change, for the history', fallback: "your user's name" }),
  requestId: z.string().optional().meta({
    description: 'Name of this change: repeating a command with the same name makes the change only once',
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
