import type { Writable } from 'node:stream';
import { type Bundle, CascadePool } from '@offramp/bundle';
import { openOptionalBus } from '@offramp/contracts';
import {
  type Clock,
  type Logger,
  messageOf,
  OfframpError,
  type Program,
  type ProgramControl,
  type Resources,
  shortDigest,
  startProgram,
  within,
} from '@offramp/runtime';
import { Auditor } from './audit/auditor.js';
import type { AgentConfig } from './config.js';
import { drainAgent } from './drain-agent.js';
import { FleetMembership } from './fleet-membership.js';
import type { HttpApi } from './http/http-api.js';
import { NameGuard } from './name/name-guard.js';
import { createLink } from './offload/create-link.js';
import { openDeviceCredentials } from './offload/device-tls.js';
import type { OffloadLink } from './offload/offload-link.js';
import { SampleWriter } from './offload/sample-writer.js';
import { AnswerWriter } from './output/answer-writer.js';
import { Pipeline } from './pipeline/pipeline.js';
import { SampleIntake } from './pipeline/sample-intake.js';
import { PolicyHolder } from './policy/policy-holder.js';
import { Slots } from './slots.js';
import type { DatasetSource } from './source/dataset-source.js';
import { type AgentPhase, type AgentStatus, describeStatus, deviceState } from './status.js';
import { summarise } from './summary.js';
import { WindowCounts } from './telemetry/window-counts.js';

/** An agent's validated configuration, and the parts opened for it. */
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

/** A running agent. A stop takes no new samples and answers those in flight. */
export interface Agent extends Program {
  /** `http://host:port` or `unix:/path`, where the HTTP API listens; `null` without one. */
  readonly httpAddress: string | null;
  /** `http://host:port` or `unix:/path`, where only metrics are served; `null` without it. */
  readonly metricsAddress: string | null;
  status(): AgentStatus;
}

/** Time for which the start waits for NATS and the worker. */
const startupWaitMs = 2_000;
/** Share of the places that source and HTTP API each leave to the other, if the agent has both. */
const reservedShare = 0.25;

/** Connects source, pipeline, worker, bus and output, and starts and stops them in order. */
export function runAgent(parts: AgentParts): Promise<Agent> {
  return startProgram(parts.logger, async (control) => {
    const { config, device, bundle, deviceStages, source, clock, random, logger } = parts;
    const { resources } = control;
    resources.add(() => source?.close());
    let phase: AgentPhase = 'starting';
    const totals = new WindowCounts(bundle.manifest);
    const slots = new Slots(config.maxInFlight, reservedPlaces(config));
    const policy = new PolicyHolder(
      { group: config.group, device, branches: bundle.branches, bundleDigest: bundle.digestBytes },
      bundle.manifest.policy.thresholds,
    );
    const credentials = await openDeviceCredentials(config, { ...config, device }, clock, logger);
    resources.add(() => credentials?.close());
    const link = createLink(config, bundle, deviceStages, credentials, clock, random, logger);
    const status = (): AgentStatus =>
      describeStatus({
        ...{ ...parts, phase, policy, link, fleet, totals, inFlight: slots.inFlight },
        certificateExpiresMs: credentials?.value.mutual?.own.expiresMs ?? null,
      });
    const onPolicy = (bytes: Uint8Array) => {
      if (offerPolicy(policy, bytes, logger) && phase === 'running') fleet?.reporter.endWindow();
    };
    const name = new NameGuard(logger);
    const bus = await openOptionalBus(config, logger, clock);
    resources.add(() => bus?.close());
    const fleet = bus
      ? new FleetMembership(
          { ...config, device, bus },
          {
            ...{ manifest: bundle.manifest, state: () => deviceState(status(), bundle), onPolicy },
            running: () => phase === 'running',
            onNameTaken: (error) => name.taken(error),
          },
          clock,
          random,
          logger,
        )
      : null;
    /** Every later phase is reported at once. */
    const enter = (next: AgentPhase) => {
      phase = next;
      fleet?.reporter.endWindow();
    };

    const writer = await openWriter(parts, control);
    const { cascade } = await connect(parts, link, fleet, control);
    const encoder = new SampleWriter(
      bundle.manifest,
      deviceStages,
      config.sendInput && link !== null,
      config.activationCodec === 'lossless',
    );
    const counters = fleet ? [totals, fleet.reporter] : [totals];
    const auditor = new Auditor({
      ...{ bundle, deviceStages, cascade, link, writer: encoder, clock, random },
      onEvent: (event) => {
        for (const counter of counters) counter.countAudit(event);
      },
    });
    const pipeline = new Pipeline({
      ...{ bundle, deviceStages, cascade, policy, link, writer: encoder, auditor, clock },
    });
    const intake = new SampleIntake({ slots, pipeline, writer, logger }, [...counters]);
    const { http, metricsAddress } = await listen(parts, intake, status, resources);

    if (deviceStages < bundle.manifest.stages.length && !link) {
      logger.warn('no --cloud: samples that no exit on the device is confident about get degraded answers');
    }
    name.check();
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
    enter('running');
    intake.start();
    source
      ?.run(slots, (sample, slot) => void intake.answer(sample, slot))
      .then(() => {
        if (phase !== 'running') return;
        logger.info('the source is exhausted');
        if (!http) control.end();
      })
      .catch((cause: unknown) => {
        control.fail(new OfframpError('INTERNAL', `the source failed: ${messageOf(cause)}`, { cause }));
      });

    const drain = async () => {
      fleet?.yieldName();
      await drainAgent(
        { intake, source, auditor, pipeline, slots, writer, http, link, fleet, enter },
        { drainMs: config.drainMs, clock, logger },
      );
      logger.info(summarise(totals), 'summary');
    };
    return { view: { httpAddress: http?.address ?? null, metricsAddress, status }, drain };
  });
}

/** Places that source and HTTP API each leave to the other. */
function reservedPlaces({ source, listen, maxInFlight }: AgentConfig): number {
  if (source === undefined || listen === undefined) return 0;
  return Math.min(maxInFlight - 1, Math.max(1, Math.floor(maxInFlight * reservedShare)));
}

async function openWriter(
  { config, output, logger }: AgentParts,
  control: ProgramControl,
): Promise<AnswerWriter> {
  const writer = await AnswerWriter.open({
    where: config.answers,
    output,
    maxBytes: config.answersMaxBytes,
    kept: config.answersKept,
    onTornLine: (line) =>
      logger.warn(
        line,
        'the last line of the file of answers is incomplete: its writer was killed, or the disk was full',
      ),
    onBroken: (error) => control.fail(error),
    onReaderGone: () => {
      logger.info('the reader of the answers is gone; stopping');
      control.end();
    },
  });
  control.resources.add(() => writer.close());
  return writer;
}

/** Loads the stages while connecting to worker and NATS, which may take longer than the start waits. */
async function connect(
  { config, bundle, deviceStages, clock }: AgentParts,
  link: OffloadLink | null,
  fleet: FleetMembership | null,
  { resources, fail }: ProgramControl,
): Promise<{ cascade: CascadePool }> {
  const pool = CascadePool.create(bundle, clock, {
    stages: deviceStages,
    threads: config.threads,
    maxBatch: config.maxBatch,
    intraOpThreads: config.intraOpThreads,
    intraOpAffinities: config.intraOpAffinities,
    onLost: fail,
  });
  resources.add(() =>
    pool.then(
      (cascade) => cascade.close(),
      () => undefined, // It was never created.
    ),
  );
  resources.add(() => fleet?.leave());
  resources.add(() => link?.close());
  link?.start();
  const outside = Promise.all([link?.firstAttempt(), fleet?.join()]);
  const cascade = await pool;
  await within(outside, startupWaitMs, clock);
  return { cascade };
}

interface Listening {
  http: HttpApi | null;
  metricsAddress: string | null;
}

/** Loads HTTP and metrics only if they are used, because loading takes a large part of the start. */
async function listen(
  { config, bundle, clock, logger }: AgentParts,
  intake: SampleIntake,
  status: () => AgentStatus,
  resources: Resources,
): Promise<Listening> {
  if (config.listen === undefined && config.metricsListen === undefined) {
    return { http: null, metricsAddress: null };
  }
  const { AgentMetrics } = await import('./metrics/agent-metrics.js');
  const metrics = new AgentMetrics(status);
  intake.counters.push(metrics);
  let metricsAddress: string | null = null;
  if (config.metricsListen !== undefined) {
    const { startMetricsServer } = await import('@offramp/runtime/metrics');
    const server = await startMetricsServer(config.metricsListen, metrics, logger);
    resources.add(() => server.close());
    metricsAddress = server.address;
  }
  if (config.listen === undefined) return { http: null, metricsAddress };
  const { startHttpApi } = await import('./http/http-api.js');
  const http = await startHttpApi(
    { ...config, listen: config.listen },
    bundle,
    {
      checkRoom: () => intake.checkRoom(),
      takeSlot: () => intake.takeSlot(),
      answer: (sample, slot) => intake.answer(sample, slot),
      ready: () => status().phase === 'running',
      status,
      metrics,
    },
    clock,
    logger,
  );
  resources.add(() => http.close());
  return { http, metricsAddress };
}

/** @returns whether the active policy or the reason of a refusal has changed */
function offerPolicy(policy: PolicyHolder, bytes: Uint8Array, logger: Logger): boolean {
  const errorBefore = policy.error?.message;
  const offer = policy.offer(bytes);
  const { current, error } = policy;
  if (offer === 'applied') {
    logger.info({ ...current, ...policy.standing }, 'policy applied');
    return true;
  }
  if (offer !== 'rejected' || error?.message === errorBefore) return false;
  logger.error(
    { code: error?.code, reason: error?.message, keeping: current.version },
    'policy rejected; keeping the previous one',
  );
  return true;
}
