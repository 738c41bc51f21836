import { addToCanary, type Canary, type CanaryWindow, newCanary, noAnswers } from '../rollout/canary.js';

const stable = {
  ...{
    group: 'g',
    version: 1,
    thresholds: [0.9],
    bundleDigest: null,
    author: '',
    reason: '',
    auditRate: 0.02,
  },
  ...{ maxAuditBytesPerHour: 1, latencyTargetMs: 80 },
};
/** A canary without samples. */
export const start = newCanary({ version: 2, share: 0.1, below: 1_000, stable, reach: null }, noAnswers);

/** A window of one policy, in which a tenth of samples is audited. */
export function window(
  samples: number,
  counts: { degraded?: number; late?: number; disagreed?: number } = {},
): CanaryWindow {
  const { degraded = 0, late = 0, disagreed = 0 } = counts;
  const auditRate = 0.1;
  const records = Array.from({ length: samples * auditRate }, (_, i) => ({
    leftAt: 0,
    exits: [{ bin: 60, agreed: i >= disagreed }],
  }));
  return {
    ...{
      thresholds: [0.8],
      auditRate,
      left: [samples - degraded, 0],
      exits: [{ histogram: [] }],
      offloaded: 0,
    },
    ...{ audited: records.length, auditedFinal: 0, recordsDropped: 0, records },
    ...{ auditsDropped: { busy: 0, budget: 0, failed: 0 }, degraded, late: [late, 0], latencyTargetMs: 80 },
  };
}

/** {@link start} after one window on each side. */
export const after = (tried: CanaryWindow, others: CanaryWindow): Canary =>
  addToCanary(start, [tried], [others], 80);
