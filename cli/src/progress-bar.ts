import type { ProgressListener } from '@offramp/augment';
import { Presets, SingleBar } from 'cli-progress';
import { formatDuration } from './units.js';

const barFormat = '{title} {bar} {percentage} % {note} {left}';
const titleWidth = 34;
/** A training's note takes about 40 columns. */
const barSizeFor = (columns: number) => (columns < 110 ? 8 : 24);

interface Step {
  title: string;
  total: number;
  done: number;
  /** Progress at its start. */
  before: number;
  startedMs: number;
  note: string;
}

/** Shows steps on standard error: as progress bars on a terminal, otherwise as one line per finished step. */
export class ProgressBar implements ProgressListener {
  private bar: SingleBar | null = null;
  private current: Step | null = null;
  /** Restores the cursor when the process ends. */
  private readonly onExit = () => this.bar?.stop();

  step(title: string, total: number, done = 0): void {
    this.stop();
    this.current = { title, total, done, before: done, startedMs: performance.now(), note: '' };
    this.show();
  }

  advance(by: number, note?: string): void {
    const { current } = this;
    if (!current) return;
    current.done += by;
    current.note = note ?? current.note;
    const elapsedMs = performance.now() - current.startedMs;
    const doneHere = current.done - current.before;
    const leftMs = doneHere === 0 ? 0 : (elapsedMs / doneHere) * (current.total - current.done);
    this.bar?.update(current.done, {
      note: current.note,
      left: leftMs >= 1000 ? `${formatDuration(leftMs)} left` : '',
    });
  }

  /** Prints a line above the progress bar. */
  say(line: string): void {
    this.hide();
    process.stderr.write(`${line}\n`);
    this.show();
  }

  /** Ends the current step. */
  stop(): void {
    const { current } = this;
    this.hide();
    this.current = null;
    if (current && !process.stderr.isTTY) {
      const seconds = ((performance.now() - current.startedMs) / 1000).toFixed(1);
      process.stderr.write(
        `${current.title}: ${current.done} of ${current.total} in ${seconds} s${current.note ? `, ${current.note}` : ''}\n`,
      );
    }
  }

  private show(): void {
    if (!this.current || !process.stderr.isTTY) return;
    const { title, total, done, note } = this.current;
    const barsize = barSizeFor(process.stderr.columns);
    this.bar = new SingleBar(
      { format: barFormat, barsize, hideCursor: true, stream: process.stderr, gracefulExit: false },
      Presets.shades_classic,
    );
    this.bar.start(total, done, { title: title.padEnd(titleWidth), note, left: '' });
    process.on('exit', this.onExit);
  }

  private hide(): void {
    process.off('exit', this.onExit);
    this.bar?.stop();
    this.bar = null;
  }
}
