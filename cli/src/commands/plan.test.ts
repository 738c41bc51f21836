import { fileURLToPath } from 'node:url';
import { Bundle } from '@offramp/bundle';
import { neverExit } from '@offramp/contracts';
import { describe, expect, it } from 'vitest';
import { main } from '../main.js';
import { captureOutput } from '../testing/captured-output.js';

const bundlePath = fileURLToPath(new URL('../../../examples/fashion-mnist/bundle', import.meta.url));
const link = ['--bandwidth', '2mbit', '--rtt', '40ms', '--repetitions', '3'];

describe('offramp plan', () => {
  const output = captureOutput();

  it('shows every number of stages on the device, and recommends one', async () => {
    await main(['plan', bundlePath, ...link, '--device-slowdown', '8']);
    const { stages } = (await Bundle.open(bundlePath)).manifest;
    expect(output.out).toMatch(/^ *none \(picture sent\) +[\d.]+ ms/m);
    for (const deviceStages of stages.keys()) {
      expect(output.out).toMatch(new RegExp(`^ *${deviceStages + 1} +[\\d.]+ ms`, 'm'));
    }
    const [, recommended] = /^(\d+) of \d+: .*\(offramp agent --device-stages \1\)$/m.exec(output.out) ?? [];
    expect(output.out).toMatch(new RegExp(`^ *${recommended} .*← recommended$`, 'm'));
    expect(output.out).toMatch(
      /^on average: all on the device [\d.]+ ms, every picture to the cloud [\d.]+ ms \(.*\), split [\d.]+ ms at best$/m,
    );
  });

  it('says where it is better to send the picture', async () => {
    const far = ['--bandwidth', '200kbit', '--rtt', '0ms', '--repetitions', '3', '--device-slowdown', '1000'];
    await main(['plan', bundlePath, ...far]);
    expect(output.out).toMatch(
      /^sending every picture is best over this link; agents run a stage at least$/m,
    );
    expect(output.out).toMatch(
      /^faster with --send-input, where pictures may leave the device: .* \(offramp agent --device-stages \d --send-input\)$/m,
    );
    await main(['plan', bundlePath, ...far, '--send-input']);
    expect(output.out).toMatch(/^\d of \d: .*\(offramp agent --device-stages \d --send-input\)$/m);
  });

  it('prints the same as JSON, with its inputs', async () => {
    const { manifest, digest, branches } = await Bundle.open(bundlePath);
    const never = neverExit(branches).join(',');
    await main(['plan', bundlePath, ...link, '--json', '--worker-slowdown', '2', '--thresholds', never]);
    const found = JSON.parse(output.out);
    expect(found).toMatchObject({
      bundle: { digest },
      link: { bytesPerSecond: 250_000, rttMs: 40 },
      workerSlowdown: 2,
    });
    expect(found.plans).toHaveLength(manifest.stages.length + 1);
    expect(found.exitShares.at(-1)).toBe(1);
    expect(found.plans[1]).toMatchObject({ deviceStages: 1, offloadShare: 1 });
    expect(found.recommended).toBeGreaterThan(0);
  });

  it.each([
    [['--bandwidth', '2', '--rtt', '40ms'], /--bandwidth: expected a bandwidth like 500kbit or 2mbit/],
    [['--bandwidth', '2mbit', '--rtt', '40'], /--rtt: expected a time like 40ms/],
    [['--rtt', '40ms'], /--bandwidth: expected a value/],
    [[...link, '--device-slowdown', '0'], /--device-slowdown: .*; found 0/],
  ])('refuses %j', async (args, message) => {
    await main(['plan', bundlePath, ...args]);
    expect(process.exitCode).toBe(2);
    expect(output.err).toMatch(message);
    expect(output.out).toBe('');
  });
});
