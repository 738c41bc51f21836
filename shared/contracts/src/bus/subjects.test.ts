import { describe, expect, it } from 'vitest';
import {
  checkName,
  policyKeySubject,
  policySubject,
  telemetrySubject,
  telemetrySubjects,
} from './subjects.js';

describe('telemetrySubject', () => {
  it('lies under what the stream takes in', () => {
    expect(telemetrySubject('cameras', 'cam-1')).toBe('offramp.v1.telemetry.cameras.cam-1');
    const pattern = new RegExp(`^${telemetrySubjects.replaceAll('.', '\\.').replaceAll('*', '[^.]+')}$`);
    expect(telemetrySubject('a', 'b')).toMatch(pattern);
  });

  it.each(['a.b', '*', '>', '', 'a b', 'a\n', 'ä', 'x'.repeat(65)])('refuses the name %j', (name) => {
    for (const refused of [() => telemetrySubject(name, 'ok'), () => telemetrySubject('ok', name)]) {
      expect(refused).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    }
  });
});

describe('policySubject', () => {
  it.each(['a.b', '*', '>', ''])('refuses the group %j', (name) => {
    for (const subject of [policySubject, policyKeySubject]) {
      expect(() => subject(name)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    }
  });
});

describe('checkName', () => {
  it('gives back what can be a name', () => {
    for (const name of ['a', 'Cam_01-b', '7', 'x'.repeat(64)]) expect(checkName('device', name)).toBe(name);
  });

  it('tells whose name it is and what was found', () => {
    expect(() => checkName('group', 'a.b')).toThrow(
      `group: expected 1 to 64 letters, digits, '_' or '-'; found "a.b"`,
    );
  });
});
