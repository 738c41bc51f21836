// A device without pictures, model or clock: outcomes of exits come from recorded tables, the rest works as in an agent. Policies,
// counts and reports use the agent's own code, so the simulation cannot differ from it.
import { CloudLink, Lifecycle, leaves, telemetrySubject, v1 } from '@offramp/contracts';
import { PolicyHolder } from '../../../../edge-agent/dist/policy/policy-holder.js';
import { EvidenceByPolicy } from '../../../../edge-agent/dist/telemetry/evidence-by-policy.js';
import { ReportBacklog } from '../../../../edge-agent/dist/telemetry/report-backlog.js';
import { WindowCounts } from '../../../../edge-agent/dist/telemetry/window-counts.js';
import { BootBooks } from './device-books.mjs';

/** Of one activation, and the number of its encoding in `offload.proto`. */
const sent = { bytes: 6_000, encoding: 1 };
const finalLabel = 0;
const otherLabel = 1;

export class SimulatedDevice {
  /** It cannot reach NATS: neither reports nor policies arrive. */
  partitioned = false;
  /** No worker answers: samples that it would offload get degraded answers. */
  cloudDown = false;
  /** The speed of its monotonic clock relative to real time. */
  clockRate = 1;
  /** Books of all boots, the current one last. */
  boots = [];
  #options;
  #policy;
  #backlog;
  #window;
  #evidence;
  /** The last report handed out, and its bytes. */
  #report = null;
  #bytes = null;

  /**
   * @param options.bundle an open `Bundle`
   * @param options.cloud see `CloudModel`
   * @param options.random see `randomFrom`; chooses audits and delays
   * @param options.maxBacklog windows that wait while NATS is away before they are joined
   */
  constructor(options) {
    this.#options = { maxBacklog: 360, ...options };
    this.group = options.group;
    this.device = options.device;
    this.subject = telemetrySubject(options.group, options.device);
    this.boot();
  }

  /** Restarts, as after a power cut: unsent reports are lost, and the bundle's own thresholds apply. */
  boot() {
    const { bundle, random, maxBacklog } = this.#options;
    const { group, device } = this;
    const bootId = `${device}-${this.boots.length}-${random.integer(2 ** 32).toString(16)}`;
    this.boots.push(new BootBooks(bootId, maxBacklog));
    this.#policy = new PolicyHolder(
      { group, device, branches: bundle.branches, bundleDigest: bundle.digestBytes },
      bundle.manifest.policy.thresholds,
    );
    this.#backlog = new ReportBacklog({ device, group, bootId }, maxBacklog);
    this.#report = null;
    this.#beginWindow();
  }

  get books() {
    return this.boots.at(-1);
  }

  get policy() {
    return this.#policy.current;
  }

  /** Why the newest policy was rejected; `null` if it was applied. */
  get policyError() {
    return this.#policy.error;
  }

  /** Windows without acknowledgement. */
  get backlog() {
    return this.#backlog.size;
  }

  /**
   * @param bytes a `Policy`, as stored in the bucket
   * @returns see `PolicyOffer`
   */
  offer(bytes) {
    const offer = this.#policy.offer(bytes);
    if (offer === 'applied') {
      const { version, thresholds } = this.policy;
      this.books.policies.push({ newest: this.#policy.standing.newestVersion, version, thresholds });
    }
    return offer;
  }

  /**
   * Answers a sample.
   * @param row the outcome of every branch, see `trafficOf`
   * @returns how it ended: `audited` if it exited early and was run on
   */
  answer(row) {
    const { bundle, cloud, random } = this.#options;
    const { branches, manifest } = bundle;
    const { deviceStages } = manifest;
    const { policy, books } = this;
    let exit = 0;
    while (exit < branches && !leaves(row[exit].confidence, policy.thresholds[exit])) exit++;
    const offloaded = exit >= deviceStages;
    const degraded = offloaded && (this.cloudDown || cloud.refuses(random));
    const passed = row.slice(0, degraded ? deviceStages : exit).map(outcomeOf);
    if (degraded) exit = mostConfident(passed);
    const agreed = exit === branches || row[exit].agreed;
    const latencyMs = cloud.latencyMs(exit, offloaded, random);
    const result = {
      kind: 'answered',
      answer: {
        policyVersion: policy.version,
        exit,
        confidence: row[exit]?.confidence ?? 1,
        labelIndex: agreed ? finalLabel : otherLabel,
        ...{ latencyMs, offloaded, degraded },
      },
      late: policy.latencyTargetMs === null ? null : latencyMs > policy.latencyTargetMs,
      trueLabelIndex: null,
      stagesRun: degraded ? deviceStages : Math.min(exit + 1, deviceStages),
      byWorker: offloaded && !degraded,
      sent: offloaded ? { ...sent, stage: deviceStages } : null,
      passed,
    };
    this.#window.countResult(result);
    this.#evidence.countAnswer(result);
    books.answered(policy.version, result.answer);
    const chosen = !degraded && policy.auditRate > 0 && random.uniform() < policy.auditRate;
    if (chosen) this.#audit(row, exit);
    return { exit, offloaded, degraded, agreed, latencyMs, audited: chosen && exit < branches };
  }

  /** @param windowMs how long it was in real time */
  endWindow(windowMs, lifecycle = Lifecycle.LIFECYCLE_RUNNING) {
    this.#backlog.add({
      counts: this.#window,
      evidence: this.#evidence,
      windowMs: windowMs * this.clockRate,
      state: this.#state(lifecycle),
    });
    this.books.windowEnded();
    this.#beginWindow();
  }

  /** The report to send, the same one until it is acknowledged; `null`: none. */
  nextReport() {
    const report = this.#backlog.next();
    if (!report) return null;
    if (report !== this.#report) {
      this.#report = report;
      this.#bytes = v1.TelemetryReport.encode(report).finish();
      this.books.reported(report.sequence);
    }
    return {
      bytes: this.#bytes,
      messageId: `${report.bootId}:${report.sequence}`,
      sequence: report.sequence,
    };
  }

  acknowledge({ sequence }) {
    this.#backlog.acknowledge();
    this.books.reportAcknowledged(sequence);
  }

  #beginWindow() {
    this.#window = new WindowCounts(this.#options.bundle.manifest);
    this.#evidence = new EvidenceByPolicy(this.#options.bundle.branches);
  }

  #audit(row, leftAt) {
    const { deviceStages } = this.#options.bundle.manifest;
    const { version: policyVersion } = this.policy;
    const final = leftAt === row.length;
    const record = { leftAt, exits: row.map(({ bin, agreed }) => ({ bin, agreed })) };
    const events = [
      { kind: 'chosen' },
      ...(final || deviceStages > row.length ? [] : [{ kind: 'sent', bytes: sent.bytes }]),
      { kind: 'ended', record },
    ];
    for (const event of events) {
      this.#window.countAudit({ policyVersion, ...event });
      this.#evidence.countAudit({ policyVersion, ...event });
    }
    this.books.audited(policyVersion, final);
  }

  #state(lifecycle) {
    const { bundle } = this.#options;
    const { version, thresholds, auditRate, maxAuditBytesPerHour } = this.policy;
    return {
      lifecycle,
      agentVersion: 'simulated',
      bundleDigest: bundle.digestBytes,
      bundleName: bundle.manifest.name,
      branches: bundle.branches,
      deviceStages: bundle.manifest.deviceStages,
      policyVersion: version,
      thresholds: [...thresholds],
      cloudLink: this.cloudDown ? CloudLink.CLOUD_LINK_DOWN : CloudLink.CLOUD_LINK_CONNECTED,
      policyError: this.policyError?.message ?? '',
      auditRate,
      maxAuditBytesPerHour,
    };
  }
}

const outcomeOf = ({ confidence, agreed }, exit) => ({
  exit,
  confidence,
  label: agreed ? finalLabel : otherLabel,
});

function mostConfident(passed) {
  return passed.reduce((best, outcome) => (outcome.confidence > best.confidence ? outcome : best)).exit;
}
