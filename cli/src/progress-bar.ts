import type { ProgressListener } from '@offramp/augment';
import { Presets, SingleBar } from 'cli-progress';

const barFormat = '{title} {bar} {percentage} % {note} {left}';
const barSize = 24;
const titleWidth = 34;

/** Shows steps as progress bars on a terminal, and as one line per finished step elsewhere. On standard error. */
export class ProgressBar implements ProgressListener {
  private bar: SingleBar | null = null;
  private current: { title: string; total: number; done: number; started: number; note: string } | null =
    null;

  step(title: string, total: number): void {
    this.stop();
    this.current = { title, total, done: 0, started: performance.now(), note: '' };
    if (!process.stderr.isTTY) return;
    this.bar = new SingleBar(
      { format: barFormat, barsize: barSize, hideCursor: true, stream: process.stderr, gracefulExit: false },
      Presets.shades_classic,
    );
    this.bar.start(total, 0, { title: title.padEnd(titleWidth), note: '', left: '' });
  }

  advance(by: number, note?: string): void {
    const { current } = this;
    if (!current) return;
    current.done += by;
    current.note = note ?? current.note;
    const elapsed = performance.now() - current.started;
    const left = current.done === 0 ? 0 : (elapsed / current.done) * (current.total - current.done);
    this.bar?.update(current.done, {
      note: current.note,
      left: left >= 1000 ? `${Math.ceil(left / 1000)} s left` : '',
    });
  }

  /** Ends the current step. */
  stop(): void {
    const { current } = this;
    this.bar?.stop();
    this.bar = null;
    this.current = null;
    if (current && !process.stderr.isTTY) {
      const seconds = ((performance.now() - current.started) / 1000).toFixed(1);
      process.stderr.write(
        `${current.title}: ${current.done} of ${current.total} in ${seconds} s${current.note ? `, ${current.note}` : ''}\n`,
      );
    }
  }
}
