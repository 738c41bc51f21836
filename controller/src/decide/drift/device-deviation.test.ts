import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.js';
import { deviatingDevices } from './device-deviation.js';

function deviceOf(device: string, seed: number, power: number, samples = 300) {
  const random = seededRandom(seed);
  const histogram = new Array<number>(64).fill(0);
  for (let i = 0; i < samples; i++) {
    const bin = Math.floor(64 * random() ** power);
    histogram[bin] = (histogram[bin] as number) + 1;
  }
  return { device, histogram };
}

const group = (size: number, seed: number) =>
  Array.from({ length: size }, (_, i) => deviceOf(`d${i}`, seed * 1_000 + i, 1));

describe('deviatingDevices', () => {
  it('finds none among devices with the same traffic', () => {
    for (let seed = 0; seed < 50; seed++) expect(deviatingDevices(group(20, seed))).toEqual([]);
  });

  it('finds the blind camera, and no device because of a comparison with it', () => {
    for (let seed = 0; seed < 20; seed++) {
      const devices = [...group(4, seed), deviceOf('blind', seed, 8)];
      expect(deviatingDevices(devices).map(({ device }) => device)).toEqual(['blind']);
    }
  });

  it('names the most deviating first', () => {
    const devices = [...group(8, 1), deviceOf('odd', 5, 2), deviceOf('blind', 6, 8)];
    expect(deviatingDevices(devices).map(({ device }) => device)).toEqual(['blind', 'odd']);
  });

  it('does not judge by few samples, nor if half the group has shifted', () => {
    expect(deviatingDevices([...group(4, 1), deviceOf('new', 9, 4, 10)])).toEqual([]);
    expect(
      deviatingDevices([...group(4, 1), ...[1, 2, 3, 4].map((i) => deviceOf(`m${i}`, 50 + i, 4))]),
    ).toEqual([]);
    expect(deviatingDevices([deviceOf('only', 1, 1)])).toEqual([]);
  });
});
