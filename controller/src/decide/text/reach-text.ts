import type { CanaryReach } from '../rollout/canary.js';
import { countText } from './count-text.js';
import { percentText } from './percent-text.js';

/** How far a canary reaches, as text: `1 of 3 devices`. */
export function reachText({ share, reach }: { share: number; reach: CanaryReach | null }): string {
  if (!reach) return `${percentText(share)} of devices`;
  return `${countText(reach.devices)} of ${countText(reach.online)} devices`;
}
