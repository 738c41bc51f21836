import {
  addCounts,
  addWindowCounters,
  copyWindowCounters,
  WindowCounters,
  type WindowMessage,
} from '@offramp/contracts';

/** Counts of a time window; the fields are those of `Window` in `fleet.proto`. New ones are zeros. */
export class WindowCounts extends WindowCounters {
  /** Answers per exit; the last entry is the final exit. */
  exits: number[] = [];
  /** One entry per branch. */
  agreement: { compared: number; agreed: number }[] = [];
  /** Samples sent to workers, one entry per encoding. */
  encodings: { encoding: number; samples: number; bytes: number }[] = [];
}

/** Zeros except for the given counts. */
export function windowCounts(given: Partial<WindowCounts> = {}): WindowCounts {
  return Object.assign(new WindowCounts(), given);
}

/** @param message `null`: all counts are zero */
export function readWindow(message: WindowMessage | null): WindowCounts {
  const counts = new WindowCounts();
  if (!message) return counts;
  copyWindowCounters(counts, message);
  counts.exits = message.exits;
  counts.agreement = message.agreement.map(({ compared, agreed }) => ({ compared, agreed }));
  counts.encodings = message.encodings.map(({ encoding, samples, bytes }) => ({ encoding, samples, bytes }));
  return counts;
}

/** Adds a window's counts to another's. */
export function addWindow(into: WindowCounts, window: WindowCounts): void {
  addWindowCounters(into, window);
  window.exits.forEach((count, exit) => {
    into.exits[exit] = addCounts(into.exits[exit] ?? 0, count);
  });
  window.agreement.forEach(({ compared, agreed }, branch) => {
    const sum = into.agreement[branch] ?? { compared: 0, agreed: 0 };
    into.agreement[branch] = {
      compared: addCounts(sum.compared, compared),
      agreed: addCounts(sum.agreed, agreed),
    };
  });
  for (const { encoding, samples, bytes } of window.encodings) {
    const sum = into.encodings.find((entry) => entry.encoding === encoding);
    if (sum) {
      sum.samples = addCounts(sum.samples, samples);
      sum.bytes = addCounts(sum.bytes, bytes);
    } else into.encodings.push({ encoding, samples, bytes });
  }
}
