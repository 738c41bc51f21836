import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  classifyCall,
  connect,
  openExampleBundle,
  referenceSamples,
  startTestWorker,
} from '../worker.test.kit.js';
import { boundTimeout } from './call-deadlines.js';

describe('boundTimeout', () => {
  it.each([
    ['100m', '100m'],
    ['2145600S', '2145600S'],
    ['2145601S', '596H'],
    ['35760M', '35760M'],
    ['35761M', '596H'],
    ['596H', '596H'],
    ['597H', '596H'],
    ['99999999H', '596H'],
    ['99999999m', '99999999m'],
    ['99999999u', '99999999u'],
    ['soon', 'soon'],
    ['', ''],
  ])('makes %j %j', (timeout, bounded) => {
    expect(boundTimeout(timeout)).toBe(bounded);
  });
});

it('a call that has weeks or millennia is answered', async () => {
  const bundle = await openExampleBundle();
  const [sample] = await referenceSamples(bundle, 1);
  const client = connect(await startTestWorker());
  const request = { bundleDigest: bundle.digestBytes, tensor: sample?.inputs[0] ?? null };
  for (const milliseconds of [2 ** 31, 2 ** 31 + 5_000, 2 ** 32 + 100, 1e12, 3e14]) {
    const { answer } = await classifyCall(client, request, Date.now() + milliseconds);
    expect(answer?.exit).toBe(bundle.branches);
  }
});

it('a call that has no time left is refused as such', async () => {
  const client = connect(await startTestWorker());
  const request = { bundleDigest: new Uint8Array(32), tensor: null };
  await expect(classifyCall(client, request, Date.now() - 1_000)).rejects.toMatchObject({
    code: status.DEADLINE_EXCEEDED,
  });
});
