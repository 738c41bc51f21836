import { hostname } from 'node:os';
import { type BusListener, type NameClaim as Claim, nameSubject, v1 } from '@offramp/contracts';
import { type Logger, LogOnce, messageOf, OfframpError } from '@offramp/runtime';
import { createInbox, type Msg, type NatsConnection, type NatsError, type Subscription } from 'nats';

export interface NameClaimOptions {
  group: string;
  device: string;
  bootId: string;
  /** Whether this agent takes samples. */
  running(): boolean;
  /** Another agent has the name. Called once per connection at most. */
  onTaken(error: OfframpError): void;
}

/** How long a start waits for another agent with its name. Without one, NATS says at once that nobody listens. */
const answerMs = 500;
const maxClaimBytes = 1_024;

/**
 * Keeps two agents from using one name without noticing: their counts would be added up, and each would look restarted for
 * the other's reports. Asks whether an agent has the name, and answers those that ask.
 */
export class NameClaim implements BusListener {
  private subscriptions: Subscription[] = [];
  private readonly subject: string;
  private readonly inbox = createInbox();
  private readonly problems: LogOnce;
  private asked: Promise<void> | null = null;
  /** Counted up whenever the name is given up, so that a claim under way ends. */
  private generation = 0;
  private told = false;

  constructor(
    private readonly options: NameClaimOptions,
    private readonly logger: Logger,
  ) {
    this.subject = nameSubject(options.group, options.device);
    this.problems = new LogOnce(logger);
  }

  onUp(connection: NatsConnection): void {
    this.asked = this.claim(connection).catch((error: unknown) => {
      this.logger.debug({ reason: messageOf(error) }, 'cannot ask whether another agent has this name');
    });
  }

  onDown(): void {
    this.generation++;
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.subscriptions = [];
  }

  /** Settles when it is known whether another agent has the name, or when none has answered in time. */
  async firstAnswer(): Promise<void> {
    await this.asked;
  }

  private async claim(connection: NatsConnection): Promise<void> {
    this.onDown();
    const { generation } = this;
    this.told = false;
    // Before it listens itself, so that NATS knows whether somebody does.
    const holder = await connection
      .request(this.subject, this.encode(), { timeout: answerMs })
      .catch(() => null);
    if (generation !== this.generation) return;
    if (holder) this.hearHolder(null, holder);
    this.subscriptions = [
      connection.subscribe(this.subject, { callback: (error, message) => this.hearClaim(error, message) }),
      connection.subscribe(this.inbox, { callback: (error, message) => this.hearHolder(error, message) }),
    ];
    // One that has asked at the same time was not listening yet.
    if (!holder) connection.publish(this.subject, this.encode(), { reply: this.inbox });
    await connection.flush(); // From here on, others are heard.
  }

  private hearClaim(error: NatsError | null, message: Msg): void {
    const claim = this.otherClaim(error, message);
    if (!claim) return;
    const keepsName = this.options.running() || this.options.bootId < claim.bootId;
    if (claim.running || !keepsName) this.tell(claim);
    if (!keepsName) return;
    message.respond(this.encode());
    this.problems.log(
      'warn',
      'claimed',
      { host: claim.host },
      'another agent has asked for the name of this one, and has been told',
    );
  }

  private hearHolder(error: NatsError | null, message: Msg): void {
    const holder = this.otherClaim(error, message);
    if (holder) this.tell(holder);
  }

  private tell(holder: Claim): void {
    if (this.told) return;
    this.told = true;
    const { group, device, onTaken } = this.options;
    onTaken(
      new OfframpError(
        'NAME_TAKEN',
        `device ${device} of group ${group} runs already, on host ${holder.host}`,
      ),
    );
  }

  /** `null` for this agent's own, and for what is no claim: anybody may have published it. */
  private otherClaim(error: NatsError | null, message: Msg): Claim | null {
    if (error || message.data.length > maxClaimBytes) return null;
    try {
      const { bootId, host, running } = v1.NameClaim.decode(message.data);
      if (bootId === '' || bootId === this.options.bootId) return null;
      return { bootId, host: host.replaceAll(/\p{C}/gu, '?') || 'unknown', running };
    } catch {
      return null;
    }
  }

  private encode(): Uint8Array {
    const { bootId, running } = this.options;
    return v1.NameClaim.encode({ bootId, host: hostname(), running: running() }).finish();
  }
}
