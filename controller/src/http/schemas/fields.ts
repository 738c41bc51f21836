import { z } from 'zod';

export const maxThresholds = 255;
export const share = z.number().min(0).max(1);
export const count = z.number().int().min(0);
export const instant = z.iso.datetime();
export const threshold = z.number().min(0).describe('0 always exits; anything above 1 never does');
export const thresholds = z.array(threshold).max(maxThresholds).describe('One per branch');
export const exitCounts = z.array(count).describe('One per exit; the final exit last');

export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 letters, digits, '_' or '-'");
export const author = z.string().max(100).default('').describe('Who wants it');
export const reason = z.string().max(500).default('').describe('Why');
export const next = z
  .string()
  .nullable()
  .describe('Where the next page goes on: `after`; null: this was the last');
