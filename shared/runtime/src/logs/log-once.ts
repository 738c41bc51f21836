import type { Logger } from './logging.js';

/** Logs the first occurrence of a problem at its level, and repetitions at `debug`, until the problem is cleared. */
export class LogOnce {
  private readonly logged = new Set<string>();

  constructor(private readonly logger: Logger) {}

  log(level: 'info' | 'warn', problem: string, details: object, message: string): void {
    this.logger[this.logged.has(problem) ? 'debug' : level](details, message);
    this.logged.add(problem);
  }

  /** The next occurrence of any problem is logged at its level. */
  clear(): void {
    this.logged.clear();
  }
}
