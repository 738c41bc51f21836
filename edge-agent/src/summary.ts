import { encodingName } from '@offramp/bundle';
import type { WindowCounts } from './telemetry/window-counts.js';

/** Totals since the start, for logs and the status. */
export interface Summary {
  samples: number;
  /** Answers per exit; the final exit last. */
  exits: readonly number[];
  offloaded: number;
  degraded: number;
  failed: number;
  refused: number;
  /** Share of the labelled samples answered with their label; `null`: there are none. */
  accuracy: number | null;
  /** Milliseconds from arrival to answer; `null` before the first answer. */
  latencyP50Ms: number | null;
  latencyP99Ms: number | null;
  /** Bytes of tensors sent to workers. */
  offloadBytes: number;
  /** What sending the input of every sample would have taken: a picture as JPEG. */
  inputBytes: number;
  /** `offloadBytes` by encoding; `uint8`, `webp` and `jpeg` are of inputs. */
  encodings: Readonly<Record<string, { samples: number; bytes: number }>>;
  /** Audits of early answers: completed ones, those among them that agreed, and dropped ones. */
  audits: { ended: number; agreed: number; dropped: number; bytes: number };
}

export function summarise(counts: WindowCounts): Summary {
  const quantile = (q: number) => (counts.latency.count === 0 ? null : round(counts.latency.quantile(q)));
  return {
    samples: counts.samples,
    exits: [...counts.exits],
    offloaded: counts.offloaded,
    degraded: counts.degraded,
    failed: counts.failed,
    refused: counts.refused,
    accuracy: counts.labelled === 0 ? null : round(counts.correct / counts.labelled),
    latencyP50Ms: quantile(0.5),
    latencyP99Ms: quantile(0.99),
    offloadBytes: counts.offloadBytes,
    inputBytes: counts.inputBytes,
    encodings: Object.fromEntries(
      [...counts.encodings].map(([encoding, sent]) => [encodingName(encoding), { ...sent }]),
    ),
    audits: {
      ended: counts.audited,
      agreed: counts.auditsAgreed,
      dropped: counts.auditsDropped,
      bytes: counts.auditBytes,
    },
  };
}

const round = (value: number) => Math.round(value * 10_000) / 10_000;
