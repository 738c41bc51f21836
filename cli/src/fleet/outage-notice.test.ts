import { expect, it } from 'vitest';
import { OutageNotice } from './outage-notice.js';

it('reports each outage once, and its end', () => {
  const lines: string[] = [];
  const notice = new OutageNotice((line) => lines.push(line));
  notice.answered();
  for (let outage = 0; outage < 2; outage++) {
    notice.failed('nobody answers');
    notice.failed('nobody answers');
    notice.answered();
    notice.answered();
  }
  const once = ['cut off: nobody answers; asking again', 'going on'];
  expect(lines).toEqual([...once, ...once]);
});
