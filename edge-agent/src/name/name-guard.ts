import type { Logger, OfframpError } from '@offramp/runtime';

/** An agent whose name is taken does not start. A running one continues, because its answers matter more than its counts. */
export class NameGuard {
  private problem: OfframpError | null = null;
  private started = false;

  constructor(private readonly logger: Logger) {}

  taken(error: OfframpError): void {
    if (!this.started) this.problem ??= error;
    else {
      this.logger.error(
        { code: error.code, reason: error.message },
        'another agent has the same name: the fleet treats both as one device',
      );
    }
  }

  /** @throws OfframpError `NAME_TAKEN` */
  check(): void {
    if (this.problem) throw this.problem;
    this.started = true;
  }
}
