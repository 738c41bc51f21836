import { fileURLToPath } from 'node:url';
import {
  Bundle,
  binOf,
  type CalibrationTable,
  connectBus,
  createLogger,
  EvidenceCounts,
  leaves,
  policyBucket,
  resolveConfig,
  type TelemetryReport,
  telemetrySubject,
  v1,
} from '@offramp/shared';
import { type NatsServer, startNatsServer } from '@offramp/shared/testing';
import type { NatsConnection } from 'nats';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControllerClient } from '../api/client.js';
import { controllerConfig } from '../config.js';
import { type Controller, startController } from '../controller.js';
import { type PolicyContent, readPolicyMessage } from '../policy/policy-view.js';
import { seededRandom } from '../tuner/testing/seeded-random.js';

const bundlePath = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const silent = createLogger('test', 'silent');
const eventually = { timeout: 60_000, interval: 50 };

let cleanUps: (() => Promise<unknown>)[];
let nats: NatsServer;
let bus: NatsConnection;
let client: ControllerClient;
let bundle: Bundle;
let table: CalibrationTable;

beforeEach(async () => {
  nats = await startNatsServer();
  cleanUps = [() => nats.stop()];
  bus = await connectBus({ url: nats.url, name: 'test' });
  cleanUps.push(() => bus.close());
  client = new ControllerClient(bus, { timeoutMs: 5_000 });
  bundle = await Bundle.open(bundlePath);
  table = await bundle.readCalibration();
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

async function start(flags: Record<string, unknown> = {}): Promise<Controller> {
  const all = { nats: nats.url, tuneEveryMs: 100, leaseTtlMs: 1_000, ...flags };
  const controller = await startController(await resolveConfig(controllerConfig, all, {}), silent);
  controller.done.catch(() => undefined);
  cleanUps.push(() => controller.stop());
  return controller;
}

/** Devices that answer rows of the calibration table, as the newest policy says. */
class TestFleet {
  samples = 0;
  private readonly random = seededRandom(1);
  private readonly sequences = new Map<string, number>();

  constructor(
    readonly group: string,
    readonly devices: string[],
  ) {}

  async policy(): Promise<PolicyContent | null> {
    const bucket = await bus.jetstream().views.kv(policyBucket);
    const entry = await bucket.get(this.group);
    return entry?.value.length ? readPolicyMessage(v1.Policy.decode(entry.value)) : null;
  }

  async report(samplesEach = 50): Promise<void> {
    const policy = await this.policy();
    for (const device of this.devices) await this.publish(device, samplesEach, policy);
  }

  private async publish(device: string, samples: number, policy: PolicyContent | null): Promise<void> {
    const followed = policy ?? {
      ...{ version: 0, thresholds: bundle.manifest.policy.thresholds, auditRate: 0 },
    };
    const counts = new EvidenceCounts(bundle.branches, { maxRecords: 1_000 });
    for (let i = 0; i < samples; i++) {
      const row = Math.floor(this.random() * table.samples);
      const exits = table.branches.map(({ confidence, agrees }) => ({
        confidence: Math.fround(confidence[row] as number),
        bin: binOf(Math.fround(confidence[row] as number)),
        agreed: agrees[row] === '1',
      }));
      const at = exits.findIndex(({ confidence }, branch) =>
        leaves(confidence, followed.thresholds[branch] as number),
      );
      const exit = at < 0 ? bundle.branches : at;
      const passed = exits
        .slice(0, exit)
        .map(({ confidence }, branch) => ({ exit: branch, label: 0, confidence }));
      const confidence = exits[exit]?.confidence ?? 1;
      counts.countSample({ passed, exit, confidence, degraded: false, offloaded: exit > 2, latencyMs: 5 });
      if (this.random() < followed.auditRate) counts.countAudit({ exits, leftAt: exit });
    }
    const sequence = (this.sequences.get(device) ?? 0) + 1;
    this.sequences.set(device, sequence);
    const report: TelemetryReport = {
      ...{ device, group: this.group, bootId: 'boot', sequence, windowMs: 1_000 },
      state: {
        ...{ lifecycle: 1, bundleDigest: bundle.digestBytes, bundleName: 'shoes', branches: bundle.branches },
        ...{ deviceStages: 3, policyVersion: followed.version, thresholds: followed.thresholds },
      },
      window: { samples, exits: counts.left, evidence: [counts.toMessage(followed.version)] },
    };
    await bus
      .jetstream()
      .publish(telemetrySubject(this.group, device), v1.TelemetryReport.encode(report).finish());
    this.samples += samples;
  }
}

describe('a goal', () => {
  it('is set, and thresholds are found, proven, and given to everybody', async () => {
    await start({ bundle: [bundlePath] });
    const fleet = new TestFleet('cameras', ['a', 'b', 'c', 'd']);
    await client.setPolicy('cameras', { thresholds: bundle.manifest.policy.thresholds.map(() => 2) });
    const set = await client.setGoals('cameras', [{ kind: 'agreement', floor: 0.97 }], { author: 'ada' });
    expect(set).toMatchObject({ mode: 'auto', author: 'ada', goals: [{ kind: 'agreement', floor: 0.97 }] });
    await expect
      .poll(async () => {
        await fleet.report();
        return (await client.listEvents({ group: 'cameras' })).map(({ kind }) => kind);
      }, eventually)
      .toContain('goal-met');
    const status = await client.getStatus('cameras');
    expect(status).toMatchObject({ mode: 'auto', bundleDigest: bundle.digest, problem: null });
    expect(status.decision?.facts.agreementBound).toBeGreaterThanOrEqual(0.97);
    expect(status.thresholds[0]).toBeLessThan(1);
    const kinds = (await client.listEvents({ group: 'cameras' })).map(({ kind }) => kind).reverse();
    expect(kinds[0]).toBe('goals-set');
    expect(kinds).toContain('canary');
    expect(kinds).toContain('promoted');
    const [leader] = (await client.listEvents()).filter(({ kind }) => kind === 'leader');
    expect(leader?.group).toBe('');
  });
});
