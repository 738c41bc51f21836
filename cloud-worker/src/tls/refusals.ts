import type { CertificateProblem } from '@offramp/contracts';
import type { Logger } from '@offramp/runtime';

/** Why a worker refuses or ends a connection. */
export type RefusalReason =
  | CertificateProblem
  /** The client shows no certificate. */
  | 'no-certificate'
  /** The certificate is for no party of this fleet that may connect. */
  | 'identity'
  /** The party has too many connections. */
  | 'connections'
  /** There was no handshake of TLS 1.3, or not within its time. */
  | 'handshake';

/** Clients whose refusal is remembered: more than one person looks at. */
const maxRemembered = 1_000;

/** Logs each cause of refusals once, and again after the client was accepted. Counts all. */
export class Refusals {
  private readonly counted = new Map<RefusalReason, number>();
  private readonly logged = new Map<string, RefusalReason>();

  constructor(private readonly logger: Logger) {}

  /** Number of refusals by reason. */
  get counts(): ReadonlyMap<RefusalReason, number> {
    return this.counted;
  }

  /** @param who the identity, or the address where there is none */
  refuse(who: string, reason: RefusalReason, details: object, message: string): void {
    this.counted.set(reason, (this.counted.get(reason) ?? 0) + 1);
    const known = this.logged.get(who) === reason;
    this.logger[known ? 'debug' : 'warn']({ client: who, reason, ...details }, message);
    this.logged.delete(who);
    this.logged.set(who, reason);
    if (this.logged.size <= maxRemembered) return;
    const [oldest] = this.logged.keys();
    if (oldest !== undefined) this.logged.delete(oldest);
  }

  accept(who: string): void {
    this.logged.delete(who);
  }
}
