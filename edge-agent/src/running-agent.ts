import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import {
  type Bundle,
  BusLink,
  CascadePool,
  type Clock,
  type Logger,
  messageOf,
  OfframpError,
  shortDigest,
} from '@offramp/shared';
import type { MetricsServer } from '@offramp/shared/metrics';
import type { Agent, AgentConfig } from './agent.js';
import type { SampleResult } from './answer.js';
import { Auditor } from './audit/auditor.js';
import type { HttpApi } from './http/http-api.js';
import type { AgentMetrics } from './metrics/agent-metrics.js';
import { GrpcTransport } from './offload/grpc-transport.js';
import { OffloadLink } from './offload/offload-link.js';
import { SampleWriter } from './offload/sample-writer.js';
import { AnswerWriter } from './output/answer-writer.js';
import { type IncomingSample, Pipeline } from './pipeline/pipeline.js';
import { PolicyHolder } from './policy/policy-holder.js';
import { PolicyWatcher } from './policy/policy-watcher.js';
import { type Slot, Slots } from './slots.js';
import type { DatasetSource } from './source/dataset-source.js';
import { type AgentPhase, type AgentStatus, describeStatus, deviceState } from './status.js';
import { summarise } from './summary.js';
import { TelemetryReporter } from './telemetry/reporter.js';
import { WindowCounts } from './telemetry/window-counts.js';
import { within } from './within.js';

/** An agent's configuration, checked, and what was opened for it. */
export interface AgentParts {
  config: AgentConfig;
  device: string;
  bundle: Bundle;
  /** Stages that the device runs. */
  deviceStages: number;
  source: DatasetSource | null;
  logger: Logger;
  output: Writable;
  clock: Clock;
  random: () => number;
}

/** How long the start waits for NATS and the worker before it goes on without. */
const startupWaitMs = 2_000;
const connectTimeoutMs = 2_000;
/** Longer than a round trip; only a worker that says nothing of encodings takes so long. */
const greetingTimeoutMs = 1_000;
const reconnectFirstMs = 100;
const unservedPauseMs = 30_000;
/** Nobody waits for an audit; it is only that it holds its tensors for so long. */
const auditTimeoutMs = 10_000;
/** Share of the places that a source leaves to the HTTP API, where there is one. */
const reservedShare = 0.25;
const policyRefreshMs = 30_000;
/** How long a stop waits for stages that still run, for a slow reader, and for the last report. */
const finishMs = 2_000;
/** What a client is told that found the agent full, or stopping. */
const retryAfterMs = { full: 1_000, stopping: 5_000 };

/** Wires sources, pipeline, worker, bus and output together, and brings them up and down in order. */
export class RunningAgent implements Agent {
  readonly done: Promise<void>;
  private phase: AgentPhase = 'starting';
  private readonly slots: Slots;
  private readonly policy: PolicyHolder;
  private readonly link: OffloadLink | null;
  private readonly bus: BusLink | null;
  private readonly watcher: PolicyWatcher | null;
  private readonly reporter: TelemetryReporter | null;
  private readonly totals: WindowCounts;
  private pool: CascadePool | null = null;
  private pipeline: Pipeline | null = null;
  private auditor: Auditor | null = null;
  private writer: AnswerWriter | null = null;
  private http: HttpApi | null = null;
  private metrics: AgentMetrics | null = null;
  private metricsServer: MetricsServer | null = null;
  private failure: OfframpError | null = null;
  private stopping: Promise<void> | null = null;
  private settleDone: { resolve(): void; reject(error: OfframpError): void } | null = null;

  constructor(private readonly parts: AgentParts) {
    const { config, device, bundle, clock, random, logger } = parts;
    const { group } = config;
    this.done = new Promise((resolve, reject) => {
      this.settleDone = { resolve, reject };
    });
    // Whoever waits for `stop` alone must not meet a rejection that nobody handles.
    this.done.catch(() => undefined);
    const reserved = config.listen === undefined ? 0 : Math.floor(config.maxInFlight * reservedShare);
    this.slots = new Slots(config.maxInFlight, reserved);
    this.totals = new WindowCounts(bundle.manifest);
    this.policy = new PolicyHolder(
      { group, device, branches: bundle.branches, bundleDigest: bundle.digestBytes },
      bundle.manifest.policy.thresholds,
    );
    this.link = createLink(parts);
    if (config.nats === 'none') {
      this.bus = this.watcher = this.reporter = null;
      return;
    }
    this.bus = new BusLink(
      { url: config.nats, name: `offramp-agent ${group}/${device}` },
      clock,
      random,
      logger,
    );
    this.watcher = new PolicyWatcher({ group, refreshMs: policyRefreshMs }, clock, random, logger, (bytes) =>
      this.offerPolicy(bytes),
    );
    this.reporter = new TelemetryReporter(
      {
        device,
        group,
        bootId: randomUUID(),
        intervalMs: config.telemetryIntervalMs,
        maxBacklog: config.maxTelemetryBacklog,
      },
      bundle.manifest,
      () => deviceState(this.status(), bundle),
      clock,
      random,
      logger,
    );
    this.bus.listen(this.watcher);
    this.bus.listen(this.reporter);
  }

  get httpAddress(): string | null {
    return this.http?.address ?? null;
  }

  get metricsAddress(): string | null {
    return this.metricsServer?.address ?? null;
  }

  status(): AgentStatus {
    const { phase, policy, link, bus, reporter, totals, slots } = this;
    return describeStatus({
      ...this.parts,
      phase,
      policy,
      link,
      bus,
      reporter,
      totals,
      inFlight: slots.inFlight,
    });
  }

  async start(): Promise<void> {
    const { config, device, bundle, deviceStages, source, output, clock, logger } = this.parts;
    const { link, policy } = this;
    try {
      this.writer = await AnswerWriter.open({
        where: config.answers,
        output,
        onBroken: (error) => this.fail(error),
        onReaderGone: () => {
          logger.info('nobody reads answers any more; stopping');
          void this.stop();
        },
      });
      const pool = CascadePool.create(bundle, {
        stages: deviceStages,
        threads: config.threads,
        maxBatch: config.maxBatch,
        intraOpThreads: config.intraOpThreads,
        intraOpAffinities: config.intraOpAffinities,
        onLost: (error) => this.fail(error),
      });
      link?.start();
      const outside = Promise.all([
        link?.firstAttempt(),
        this.bus?.start().then(() => (this.bus?.state === 'up' ? this.watcher?.firstRead() : undefined)),
      ]);
      this.pool = await pool;
      const writer = new SampleWriter(
        bundle.manifest,
        deviceStages,
        config.sendInput && link !== null,
        config.activationCodec === 'lossless',
      );
      const cascade = this.pool;
      const auditor = new Auditor({
        ...{ bundle, deviceStages, cascade, link, writer, clock },
        random: this.parts.random,
        onEvent: (event) => {
          this.totals.countAudit(event);
          this.reporter?.countAudit(event);
        },
      });
      this.auditor = auditor;
      this.pipeline = new Pipeline({ bundle, deviceStages, cascade, policy, link, writer, auditor, clock });
      await within(outside, startupWaitMs, clock);
      await this.listen();
    } catch (error) {
      await this.release();
      throw error;
    }
    if (deviceStages < bundle.manifest.stages.length && !link) {
      logger.warn('no --cloud: samples that no exit on the device is sure of get degraded answers');
    }
    logger.info(
      {
        device,
        group: config.group,
        bundle: `${bundle.manifest.name} ${shortDigest(bundle.digest)}`,
        deviceStages,
        policyVersion: policy.current.version,
      },
      'agent runs',
    );
    this.enter('running');
    if (source) {
      this.drainSource(source).catch((cause: unknown) => {
        this.fail(new OfframpError('INTERNAL', `the source failed: ${messageOf(cause)}`, { cause }));
      });
    }
  }

  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  /** What it takes is loaded only where it is wanted: a good part of the start. */
  private async listen(): Promise<void> {
    const { config, bundle, clock, logger } = this.parts;
    if (config.listen === undefined && config.metricsListen === undefined) return;
    const { AgentMetrics } = await import('./metrics/agent-metrics.js');
    const metrics = new AgentMetrics(() => this.status());
    this.metrics = metrics;
    if (config.metricsListen !== undefined) {
      const { startMetricsServer } = await import('@offramp/shared/metrics');
      this.metricsServer = await startMetricsServer(config.metricsListen, metrics, logger);
    }
    if (config.listen === undefined) return;
    const { startHttpApi } = await import('./http/http-api.js');
    this.http = await startHttpApi(
      { listen: config.listen, maxBodyBytes: config.maxBodyBytes },
      bundle,
      {
        takeSlot: () => this.takeSlot(),
        answer: (sample, slot) => this.answer(sample, slot),
        ready: () => this.phase === 'running',
        status: () => this.status(),
        metrics,
      },
      clock,
      logger,
    );
  }

  private async drainSource(source: DatasetSource): Promise<void> {
    await source.run(this.slots, (sample, slot) => void this.answer(sample, slot));
    if (this.phase !== 'running') return;
    this.parts.logger.info('the source is exhausted');
    if (!this.http) await this.stop();
  }

  private takeSlot(): Slot {
    if (this.phase !== 'running') {
      throw new OfframpError('STOPPING', `the agent is ${this.phase}`, {
        retryAfterMs: retryAfterMs.stopping,
      });
    }
    const slot = this.slots.tryTake();
    if (slot) return slot;
    this.totals.countRefused();
    this.reporter?.countRefused();
    throw new OfframpError(
      'OVERLOADED',
      `as many samples are in flight as there can be: ${this.slots.maxInFlight}`,
      {
        retryAfterMs: retryAfterMs.full,
      },
    );
  }

  /** The way of every sample. Its place is free again when its answer is written. */
  private async answer(sample: IncomingSample, slot: Slot): Promise<SampleResult> {
    if (!this.pipeline || !this.writer) throw new OfframpError('STOPPING', 'the agent is starting');
    const result = await this.pipeline.run(sample);
    if (result.kind === 'failed') {
      const { sample: name, error } = result.answer;
      this.parts.logger.warn({ sample: name, ...error }, 'a sample could not be answered');
    }
    this.totals.countResult(result);
    this.reporter?.countResult(result);
    this.metrics?.countResult(result);
    void this.writer.write(result.answer).then(() => slot.release());
    return result;
  }

  private offerPolicy(bytes: Uint8Array): void {
    const errorBefore = this.policy.error?.message;
    const offer = this.policy.offer(bytes);
    const { current, error } = this.policy;
    if (offer === 'applied') {
      this.parts.logger.info({ ...current, ...this.policy.standing }, 'policy applied');
    } else if (offer === 'rejected' && error?.message !== errorBefore) {
      this.parts.logger.error(
        { code: error?.code, reason: error?.message, keeping: current.version },
        'policy rejected; keeping the last one',
      );
    } else return;
    if (this.phase === 'running') this.reporter?.endWindow();
  }

  /** Every phase but the first is reported at once. */
  private enter(phase: AgentPhase): void {
    this.phase = phase;
    this.reporter?.endWindow();
  }

  private fail(error: OfframpError): void {
    this.failure ??= error;
    void this.stop();
  }

  private async shutDown(): Promise<void> {
    const { config, source, clock, logger } = this.parts;
    const { slots } = this;
    this.enter('draining');
    source?.stop();
    slots.close();
    this.auditor?.stop();
    if (!(await within(slots.idle(), config.drainMs, clock))) {
      logger.warn({ inFlight: slots.inFlight }, 'stopping: local exits answer what is still in flight');
      this.pipeline?.hurry();
      if (!(await within(slots.idle(), finishMs, clock))) {
        void this.pool?.close();
        await within(slots.idle(), finishMs, clock);
      }
    }
    if (this.writer && !(await within(this.writer.flushed(), finishMs, clock))) {
      logger.warn({ answers: this.writer.pending }, 'nobody reads the last answers');
      this.writer.abandon();
    }
    await this.http?.close();
    this.link?.close();
    this.enter('stopped');
    await this.flushTelemetry();
    await this.release();
    logger.info(summarise(this.totals), 'summary');
    if (this.failure) this.settleDone?.reject(this.failure);
    else this.settleDone?.resolve();
  }

  private async flushTelemetry(): Promise<void> {
    if (!this.reporter || !this.bus) return;
    const waitMs = this.bus.state === 'never' ? 0 : finishMs;
    if (!(await within(this.reporter.flushed(), waitMs, this.parts.clock))) {
      this.parts.logger.warn(
        { reports: this.reporter.pending },
        'the last telemetry reports were not acknowledged',
      );
    }
  }

  /** Lets go of everything that may have been taken so far. */
  private async release(): Promise<void> {
    this.reporter?.stop();
    this.watcher?.stop();
    this.link?.close();
    await Promise.all([
      this.bus?.close(),
      this.pool?.close(),
      this.writer?.close(),
      this.http?.close(),
      this.metricsServer?.close(),
    ]);
  }
}

/** @returns `null` where the device has nowhere to offload to, or nothing */
function createLink({ config, bundle, deviceStages, clock, random, logger }: AgentParts): OffloadLink | null {
  const { stages, labels } = bundle.manifest;
  if (config.cloud === undefined || deviceStages === stages.length) return null;
  return new OffloadLink(
    {
      maxInFlight: config.maxOffloadsInFlight,
      timeoutMs: config.offloadTimeoutMs,
      auditTimeoutMs,
      reconnectFirstMs,
      reconnectMaxMs: config.reconnectMaxMs,
      unservedPauseMs,
    },
    {
      bundleDigest: bundle.digestBytes,
      labels: labels.length,
      branches: bundle.branches,
      firstExit: deviceStages,
    },
    new GrpcTransport({ address: config.cloud, connectTimeoutMs, greetingTimeoutMs }, clock),
    clock,
    random,
    logger,
  );
}
