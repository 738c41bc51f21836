import { useEffect, useState } from 'preact/hooks';
import { thresholdText } from '../../src/decide/text/threshold-text.js';
import type { ApiDeviceDetail } from '../../src/http/schemas/index.js';
import { readApi } from './api.js';
import { ExitShares } from './exit-shares.js';
import { bytes, count, duration, milliseconds, percent } from './format.js';
import { barsOf, histogramBox } from './histogram-bars.js';
import { Modal } from './modal.js';

const refreshMs = 2_000;

/** One device, beside its group's page. */
export function DeviceDrawer({ group, device, onClose }: { group: string; device: string; onClose(): void }) {
  const [detail, setDetail] = useState<ApiDeviceDetail | null>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let closed = false;
    const read = async () => {
      try {
        setDetail(await readApi<ApiDeviceDetail>(`v1/groups/${group}/devices/${device}`));
        setProblem('');
      } catch (error) {
        setProblem(error instanceof Error ? error.message : String(error));
      }
      if (!closed) timer = setTimeout(read, refreshMs);
    };
    void read();
    return () => {
      closed = true;
      clearTimeout(timer);
    };
  }, [group, device]);
  return (
    <Modal label={`Device ${device}`} drawer onClose={onClose}>
      <div class="drawer-head">
        <h2>{device}</h2>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
      {problem !== '' && <p class="notice bad">{problem}</p>}
      {detail === null && problem === '' && <p class="muted">Asking the controller …</p>}
      {detail && <DeviceFacts detail={detail} />}
    </Modal>
  );
}

function DeviceFacts({ detail: { device, evidence } }: { detail: ApiDeviceDetail }) {
  const { total, latest } = device;
  const facts: [string, string][] = [
    ['Group', device.group],
    ['Last report', `${duration(device.lastSeenMsAgo)} ago`],
    ['Lifecycle', device.lifecycle],
    ['Cloud link', device.cloudLink],
    ['Bundle', `${device.bundleName} (${device.bundleDigest.slice(0, 12)})`],
    ['Stages on the device', `${device.deviceStages} of ${device.branches + 1}`],
    ['Policy', `${device.policyVersion}, newest ${device.newestPolicyVersion}`],
    ['Thresholds', device.thresholds.map(thresholdText).join(', ')],
    ['Latency', `p50 ${milliseconds(device.latencyP50Ms)}, p99 ${milliseconds(device.latencyP99Ms)}`],
    ['Samples', `${count(total.samples)} since it started, ${count(latest.samples)} in the last window`],
    [
      'To the cloud',
      `${percent(total.samples === 0 ? 0 : total.offloaded / total.samples)}, ${bytes(total.offloadBytes)}`,
    ],
    [
      'Degraded, refused, failed',
      `${count(total.degraded)}, ${count(total.refused)}, ${count(total.failed)}`,
    ],
    ['Audits', `${count(total.auditsAgreed)} of ${count(total.audited)} agreed, ${bytes(total.auditBytes)}`],
    ['Reports missing', count(device.reportsMissing)],
    ['Agent', device.agentVersion],
  ];
  return (
    <>
      <p>
        <span class={`swatch ${device.standing}`} aria-hidden="true" /> {device.standing}
      </p>
      {device.policyError !== '' && <p class="notice bad">{device.policyError}</p>}
      <h3>Samples by exit</h3>
      <ExitShares exits={total.exits} />
      <h3>Recent confidences at each exit</h3>
      <Confidences evidence={evidence} />
      <h3>Facts</h3>
      <dl class="facts-list">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

/** Confidences under the newest bundle, over all policies. */
function Confidences({ evidence }: { evidence: ApiDeviceDetail['evidence'] }) {
  const [bundle] = evidence.bundles;
  if (!bundle) return <p class="muted">It has sent no evidence yet.</p>;
  const exits = Array.from({ length: bundle.branches }, (_, exit) =>
    evidence.binStarts.map((_, bin) =>
      bundle.policies.reduce((sum, policy) => sum + (policy.exits[exit]?.histogram[bin] ?? 0), 0),
    ),
  );
  return (
    <ul class="histograms">
      {exits.map((bins, exit) => (
        <li key={`exit ${exit}`}>
          <Histogram name={`exit ${exit}`} bins={bins} binStarts={evidence.binStarts} />
        </li>
      ))}
    </ul>
  );
}

function Histogram({
  name,
  bins,
  binStarts,
}: {
  name: string;
  bins: readonly number[];
  binStarts: readonly number[];
}) {
  const sum = bins.reduce((total, n) => total + n, 0);
  const median = binStarts[medianBin(bins, sum)] ?? 0;
  const spoken =
    sum === 0
      ? `${name}: none`
      : `${name}: ${count(sum)} samples, half of them at ${median.toFixed(3)} or more`;
  return (
    <figure>
      <svg
        viewBox={`0 0 ${histogramBox.width} ${histogramBox.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={spoken}
      >
        {barsOf(bins).map((bar, bin) => (
          <rect key={binStarts[bin]} {...bar} />
        ))}
      </svg>
      <figcaption>{spoken}</figcaption>
    </figure>
  );
}

function medianBin(bins: readonly number[], sum: number): number {
  let seen = 0;
  return bins.findIndex((n) => {
    seen += n;
    return seen >= sum / 2;
  });
}
