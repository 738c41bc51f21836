import { describe, expect, it } from 'vitest';
import { formatTable } from './table.js';

describe('formatTable', () => {
  const columns = [{ head: 'name' }, { head: 'count', align: 'right' }] as const;

  it('aligns columns, without trailing spaces', () => {
    expect(
      formatTable(
        columns,
        [
          ['a', 5],
          ['longer', 12345],
        ],
        false,
      ),
    ).toBe(['name    count', 'a           5', 'longer  12345'].join('\n'));
  });

  it('makes the head bold only on a terminal', () => {
    expect(formatTable(columns, [['a', 5]], true)).toContain('\u001b[1mname');
    expect(formatTable(columns, [['a', 5]], false)).not.toContain('\u001b');
  });
});
