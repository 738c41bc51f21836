import { v1 } from '@offramp/shared';
import { expect, test } from 'vitest';
import { addWindow, readWindow } from './window-counts.js';

test('what was sent is added up by encoding, and survives the wire', () => {
  const total = readWindow(null);
  addWindow(total, readWindow({ encodings: [{ encoding: 20, samples: 2, bytes: 60 }] }));
  addWindow(
    total,
    readWindow({
      encodings: [
        { encoding: 20, samples: 1, bytes: 40 },
        { encoding: 21, samples: 3 },
      ],
    }),
  );
  expect(total.encodings).toEqual([
    { encoding: 20, samples: 3, bytes: 100 },
    { encoding: 21, samples: 3, bytes: 0 },
  ]);
  expect(readWindow(v1.Window.decode(v1.Window.encode(total).finish())).encodings).toEqual(total.encodings);
});

test('adding leaves what was added as it was', () => {
  const window = readWindow({ encodings: [{ encoding: 1, samples: 1, bytes: 4 }] });
  const total = readWindow(null);
  addWindow(total, window);
  addWindow(total, window);
  expect(window.encodings).toEqual([{ encoding: 1, samples: 1, bytes: 4 }]);
  expect(total.encodings).toEqual([{ encoding: 1, samples: 2, bytes: 8 }]);
});
