import { agreement } from './fleet-bench.mjs';

/**
 * Goals other than agreement alone, each with what it limits: `of` reads it from the shares of samples that answer at each exit.
 * @param facts costs and times of each exit
 */
export function goalCases(facts) {
  const capacity = 0.1;
  const offloaded = (exitShares) =>
    exitShares.reduce((sum, share, exit) => sum + share * facts.inCloud[exit], 0);
  const utilisationOf = (share) => share / capacity;
  return [
    {
      name: 'offload ≤ 20 %',
      goals: [{ kind: 'offload', ceiling: 0.2 }],
      of: offloaded,
      limit: 0.2,
    },
    {
      name: 'offload ≤ 8 %, then agreement',
      goals: [{ kind: 'offload', ceiling: 0.08 }, agreement],
      of: offloaded,
      limit: 0.08,
    },
    {
      name: 'p95 ≤ 25 ms',
      goals: [{ kind: 'latency', targetMs: 25, quantile: 0.95 }],
      of: (exitShares) =>
        exitShares.reduce((sum, share, exit) => sum + share * facts.lateShares(25)[exit], 0),
      limit: 0.05,
    },
    {
      name: "0.05 s of workers' time per second",
      goals: [{ kind: 'cloudSeconds', perSecond: 0.05 }],
      of: (exitShares) =>
        exitShares.reduce(
          (sum, share, exit) => sum + share * facts.cloudSeconds[exit] * facts.samplesPerSecond,
          0,
        ),
      limit: 0.05,
    },
    {
      name: 'agreement, workers have capacity for 10 % of samples',
      goals: [{ kind: 'agreement', floor: 0.995 }],
      of: offloaded,
      limit: capacity,
      utilisationOf,
    },
  ];
}
