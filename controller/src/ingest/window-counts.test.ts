import { v1 } from '@offramp/contracts';
import { expect, test } from 'vitest';
import { addWindow, readWindow, windowCounts } from './window-counts.js';

test('sent samples are summed by encoding, and survive a round trip', () => {
  const total = windowCounts();
  addWindow(total, windowCounts({ encodings: [{ encoding: 20, samples: 2, bytes: 60 }] }));
  addWindow(
    total,
    windowCounts({
      encodings: [
        { encoding: 20, samples: 1, bytes: 40 },
        { encoding: 21, samples: 3, bytes: 0 },
      ],
    }),
  );
  expect(total.encodings).toEqual([
    { encoding: 20, samples: 3, bytes: 100 },
    { encoding: 21, samples: 3, bytes: 0 },
  ]);
  expect(readWindow(v1.Window.decode(v1.Window.encode(total).finish())).encodings).toEqual(total.encodings);
});

test('adding does not change the added counts', () => {
  const window = windowCounts({ encodings: [{ encoding: 1, samples: 1, bytes: 4 }] });
  const total = windowCounts();
  addWindow(total, window);
  addWindow(total, window);
  expect(window.encodings).toEqual([{ encoding: 1, samples: 1, bytes: 4 }]);
  expect(total.encodings).toEqual([{ encoding: 1, samples: 2, bytes: 8 }]);
});
