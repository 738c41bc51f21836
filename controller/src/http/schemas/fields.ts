import { type WindowCounter, windowCounters } from '@offramp/contracts';
import { z } from 'zod';
import { maxBranches } from '../../decide/model/thresholds.js';

export const share = z.number().min(0).max(1);
export const count = z.number().int().min(0);
export const instant = z.iso.datetime();
export const threshold = z.number().min(0).describe('0 always exits; anything above 1 never does');
export const thresholds = z.array(threshold).max(maxBranches).describe('One per branch');
export const exitCounts = z.array(count).describe('One per exit; the final exit last');

export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "expected 1 to 64 letters, digits, '_' or '-'");
export const next = z.string().nullable().describe('`after` of the next page; null: this is the last');

/** One field per counter of telemetry. */
export const countersSchema = Object.fromEntries(windowCounters.map((name) => [name, count])) as Record<
  WindowCounter,
  typeof count
>;
