import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';

export interface Action {
  /** The result, for a live region. */
  outcome: { text: string; failed: boolean } | null;
  /** For `aria-disabled`: a button that is disabled while it works loses the focus. */
  busy: boolean;
  run(done: string, act: () => Promise<unknown>): Promise<boolean>;
  /** Removes the result, which is no longer true. */
  forget(): void;
}

/** Number of reconnections. */
export const Reconnections = createContext(0);

/** The action of a button, which runs one at a time. */
export function useAction(): Action {
  const running = useRef(false);
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Action['outcome']>(null);
  const reconnections = useContext(Reconnections);
  useEffect(() => setOutcome((old) => (old?.failed ? null : old)), [reconnections]);
  const run = async (done: string, act: () => Promise<unknown>) => {
    if (running.current) return false;
    running.current = true;
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
      running.current = false;
      setBusy(false);
    }
  };
  return { outcome, busy, run, forget: () => setOutcome(null) };
}

const authorKey = 'offramp.author';
const readAuthor = () => sessionStorage.getItem(authorKey) ?? '';
const authorFields = new Set<(author: string) => void>();

/** The author's name, shared by all forms and kept until the tab is closed. */
export function useAuthor(): [string, (author: string) => void] {
  const [author, setAuthor] = useState(readAuthor);
  useEffect(() => {
    authorFields.add(setAuthor);
    return () => {
      authorFields.delete(setAuthor);
    };
  }, []);
  return [
    author,
    (next) => {
      sessionStorage.setItem(authorKey, next);
      for (const show of authorFields) show(next);
    },
  ];
}
