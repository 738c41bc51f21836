import { expect, test } from 'vitest';
import { hostName } from './host-name.js';
import { checkName } from './subjects.js';

test('any host name becomes a name that a device or worker can have', () => {
  for (const host of ['edge-7.factory.example', 'Büro Nord', '', 'x'.repeat(200)]) {
    expect(() => checkName('device', hostName(host))).not.toThrow();
  }
  expect(hostName('edge-7.factory.example')).toBe('edge-7-factory-example');
});
