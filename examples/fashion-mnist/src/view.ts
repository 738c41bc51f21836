import { styleText } from 'node:util';
import { renderFleet } from '@offramp/cli';
import type { ControllerClient } from '@offramp/controller';
import { isOfframpError } from '@offramp/runtime';
import { createLogUpdate } from 'log-update';
import wrapAnsi from 'wrap-ansi';
import { controlLines } from './control-lines.js';
import { demoGroup } from './fleet.js';

const refreshMs = 500;
/** Width of `  12.3 s  controller  `. */
const indent = 22;
const widthWithoutTerminal = 100;
const rowsWithoutTerminal = 24;
/** Rows and columns of the terminal that stay free, so that redrawing never scrolls. */
const rowsKeptFree = 2;

/** The actor of a printed line. */
export type Actor = 'you' | 'scene' | 'controller';

const colours = { you: 'cyan', scene: 'yellow', controller: 'green' } as const;

/** The latest events, and below them the table of devices and the controller's decision for the goal, redrawn in place. */
export class LiveView {
  private readonly started = performance.now();
  private readonly told: string[] = [];
  private readonly update = process.stdout.isTTY ? createLogUpdate(process.stdout) : null;
  private timer: NodeJS.Timeout | null = null;
  private drawing: Promise<void> = Promise.resolve();
  private newestEvent = 0;

  constructor(private readonly controller: ControllerClient) {}

  start(): void {
    this.timer = setInterval(() => {
      this.drawing = this.drawing.then(() => this.refresh());
    }, refreshMs);
  }

  /** Prints a line with the time since the start. */
  say(actor: Actor, text: string): void {
    const time = `${((performance.now() - this.started) / 1000).toFixed(1).padStart(6)} s  `;
    const name = actor.padEnd(indent - time.length);
    const who = this.styled ? styleText(colours[actor], name, { validateStream: false }) : name;
    const lines = wrapAnsi(text, this.width - indent).split('\n');
    for (const [i, line] of lines.entries()) this.tell((i === 0 ? time + who : ' '.repeat(indent)) + line);
  }

  /** Without a terminal, prints the current state. With one, it is always visible. */
  async show(): Promise<void> {
    if (this.update) return;
    await this.tellEvents();
    const lines = await this.standing();
    process.stdout.write(`\n${lines.join('\n')}\n\n`);
  }

  /** Stops redrawing; the printed lines remain. */
  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
    await this.drawing;
    await this.tellEvents();
    if (!this.update) return;
    this.update.clear();
    this.update.done();
    process.stdout.write(`\n${this.told.join('\n')}\n`);
  }

  private tell(line: string): void {
    if (this.update) this.told.push(line);
    else process.stdout.write(`${line}\n`);
  }

  private async refresh(): Promise<void> {
    await this.tellEvents();
    if (!this.update) return;
    const lines = await this.standing();
    if (lines.length === 0) return;
    const room = (process.stdout.rows || rowsWithoutTerminal) - rowsKeptFree - lines.length - 2;
    const told = this.told.slice(-Math.max(1, room));
    this.update(`\n${lines.join('\n')}\n\n${told.join('\n')}\n`);
  }

  /** Table and goal; empty while the controller does not answer. */
  private async standing(): Promise<string[]> {
    try {
      const [fleet, status] = await Promise.all([
        this.controller.listDevices(demoGroup),
        this.controller.getStatus(demoGroup),
      ]);

      return [
        ...renderFleet(fleet, { width: this.width, styled: this.styled, bare: true }),
        '',
        ...controlLines(status),
      ];
    } catch (error) {
      if (isOfframpError(error)) return [];
      throw error;
    }
  }

  private async tellEvents(): Promise<void> {
    try {
      const events = await this.controller.listEvents({ group: demoGroup, after: this.newestEvent });
      for (const { sequence, kind, text } of events.reverse()) {
        if (sequence <= this.newestEvent) continue;
        this.newestEvent = sequence;
        if (kind !== 'goals-set') this.say('controller', text);
      }
    } catch (error) {
      if (!isOfframpError(error)) throw error;
    }
  }

  private get styled(): boolean {
    return this.update !== null && !process.env.NO_COLOR;
  }

  private get width(): number {
    return process.stdout.columns || widthWithoutTerminal;
  }
}
