import { z } from 'zod';

const factors = new Map([
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
]);
const pattern = /^(\d+(?:\.\d+)?) ?([KMG]iB)$/;

/** An option that is an amount of memory, such as `512MiB` or `1.5GiB`; {@link bytesIn} has its value. */
export function byteSize() {
  return z.string().regex(pattern, 'expected a size like 512MiB or 2GiB');
}

/** @param size as {@link byteSize} takes it */
export function bytesIn(size: string): number {
  const [, number = '', unit = ''] = pattern.exec(size) ?? [];
  return Math.floor(Number(number) * (factors.get(unit) ?? Number.NaN));
}
