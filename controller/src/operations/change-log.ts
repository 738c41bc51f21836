import type { Logger } from '@offramp/runtime';

/** Logs every change that an operator makes to the fleet. */
export class ChangeLog {
  constructor(private readonly logger: Logger) {}

  /** @param what such as `policy set` */
  record(what: string, fields: Readonly<Record<string, unknown>>): void {
    this.logger.info(fields, what);
  }
}
