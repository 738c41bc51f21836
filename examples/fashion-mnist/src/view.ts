import { renderFleet } from '@offramp/cli';
import type { ControllerClient, Fleet } from '@offramp/controller';
import { isOfframpError } from '@offramp/shared';
import { createLogUpdate } from 'log-update';
import { demoGroup } from './fleet.js';

const refreshMs = 500;
/** Without a terminal, the table is printed this often. */
const plainEveryMs = 5_000;
const eventsShown = 8;

/** What is going on: the table of devices, redrawn in place, above the latest events. */
export class LiveView {
  private readonly started = performance.now();
  private readonly events: string[] = [];
  private readonly update = process.stdout.isTTY ? createLogUpdate(process.stdout) : null;
  private timer: NodeJS.Timeout | null = null;
  private lastPlainMs = 0;
  private drawing: Promise<void> = Promise.resolve();

  constructor(private readonly controller: ControllerClient) {}

  start(): void {
    this.timer = setInterval(() => {
      this.drawing = this.drawing.then(() => this.refresh());
    }, refreshMs);
  }

  /** Tells what happens, with the time since the start. */
  say(text: string): void {
    const line = `${((performance.now() - this.started) / 1000).toFixed(1).padStart(5)} s  ${text}`;
    if (this.update) this.events.push(line);
    else process.stdout.write(`${line}\n`);
  }

  /** Draws once more and leaves it standing. */
  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await this.drawing;
    await this.refresh(true);
    this.update?.done();
  }

  private async refresh(last = false): Promise<void> {
    let fleet: Fleet;
    try {
      fleet = await this.controller.listDevices(demoGroup);
    } catch (error) {
      if (isOfframpError(error)) return; // Starting, or stopping: the next round shows.
      throw error;
    }
    const table = renderFleet(fleet, {
      width: process.stdout.columns ?? 100,
      styled: this.update !== null && !process.env.NO_COLOR,
    }).join('\n');
    if (this.update) {
      this.update(`\n${table}\n\n${this.events.slice(last ? 0 : -eventsShown).join('\n')}\n`);
    } else if (!last && performance.now() - this.lastPlainMs >= plainEveryMs) {
      this.lastPlainMs = performance.now();
      process.stdout.write(`\n${table}\n\n`);
    }
  }
}
