import { useState } from 'preact/hooks';

export interface Action {
  /** What became of it, for a live region. */
  outcome: { text: string; failed: boolean } | null;
  busy: boolean;
  run(done: string, act: () => Promise<unknown>): Promise<boolean>;
}

/** Something that a button does, one at a time. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Action['outcome']>(null);
  const run = async (done: string, act: () => Promise<unknown>) => {
    if (busy) return false;
    setBusy(true);
    setOutcome(null);
    try {
      await act();
      setOutcome({ text: done, failed: false });
      return true;
    } catch (error) {
      setOutcome({ text: error instanceof Error ? error.message : String(error), failed: true });
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { outcome, busy, run };
}

const authorKey = 'offramp.author';

/** Who says so, as it was given last. */
export function useAuthor(): [string, (author: string) => void] {
  const [author, setAuthor] = useState(() => sessionStorage.getItem(authorKey) ?? '');
  return [
    author,
    (next) => {
      sessionStorage.setItem(authorKey, next);
      setAuthor(next);
    },
  ];
}
