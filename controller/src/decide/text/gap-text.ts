import { shortDigest } from '@offramp/runtime';
import type { PolicyGap } from '../model/policy-gap.js';
import { countText } from './count-text.js';

/** Which devices do not follow a policy, and why, as a sentence. */
export function gapText(gap: PolicyGap): string {
  const { policyVersion, policyBundleDigest, bundleDigest, bundleName, devices } = gap;
  const one = devices === 1;
  const policy = policyVersion === 0 ? 'the newest policy' : `policy ${policyVersion}`;
  const who = `${countText(devices)} ${one ? 'device does' : 'devices do'} not follow ${policy}`;
  if (gap.reason === 'refused') return `${who} (${namesOf(gap)}): ${gap.error}`;
  return `${who}, which is for bundle ${shortDigest(policyBundleDigest)}: ${namesOf(gap)} ${one ? 'runs' : 'run'} ${shortDigest(bundleDigest)} (${bundleName}).`;
}

function namesOf({ names, devices }: PolicyGap): string {
  const more = devices - names.length;
  return more > 0 ? `${names.join(', ')} and ${countText(more)} more` : names.join(', ');
}
