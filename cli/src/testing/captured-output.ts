import { afterEach, beforeEach, vi } from 'vitest';

/** What the commands of one test print. */
export interface CapturedOutput {
  readonly out: string;
  readonly err: string;
}

/** Captures what commands that run in the test's own process print, and resets the exit status after each test. */
export function captureOutput(): CapturedOutput {
  const captured = { out: '', err: '' };
  beforeEach(() => {
    captured.out = '';
    captured.err = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      captured.out += String(text);
      return true;
    });
    // Vitest's console writes to another stream.
    vi.spyOn(console, 'log').mockImplementation((text: string) => {
      captured.out += `${text}\n`;
    });
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      captured.err += String(text);
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = 0;
  });
  return captured;
}
