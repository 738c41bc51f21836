import { hostname } from 'node:os';
import { type BusListener, type NameClaim as Claim, inboxPrefix, nameSubject, v1 } from '@offramp/contracts';
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

/** Time a start waits for an answer of another agent. If no agent listens on the name's subject, NATS says so at once. */
const answerMs = 500;
const maxClaimBytes = 1_024;

/**
 * Detects two agents with one name. Controllers would add up their counts, and take each report for one after a restart.
 * Asks whether another agent has the name, and answers agents that ask.
 */
export class NameClaim implements BusListener {
  private subscriptions: Subscription[] = [];
  private readonly subject: string;
  private readonly inbox: string;
  private readonly problems: LogOnce;
  private asked: Promise<void> | null = null;
  /** Incremented when the name is released, so that a claim in progress ends. */
  private generation = 0;
  private told = false;

  constructor(
    private readonly options: NameClaimOptions,
    private readonly logger: Logger,
  ) {
    const { group, device } = options;
    this.subject = nameSubject(group, device);
    this.inbox = createInbox(inboxPrefix({ role: 'device', group, name: device }));
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
    // Before it subscribes itself, so that NATS can tell whether another agent has subscribed.
    const holder = await connection
      .request(this.subject, this.encode(), { timeout: answerMs })
      .catch(() => null);
    if (generation !== this.generation) return;
    if (holder) this.hearHolder(null, holder);
    this.subscriptions = [
      connection.subscribe(this.subject, { callback: (error, message) => this.hearClaim(error, message) }),
      connection.subscribe(this.inbox, { callback: (error, message) => this.hearHolder(error, message) }),
    ];
    // An agent that asked at the same time had not subscribed yet.
    if (!holder) connection.publish(this.subject, this.encode(), { reply: this.inbox });
    await connection.flush(); // From here on, claims of others are received.
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
      'another agent asked for the name of this one, and was refused',
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

  /** `null` for this agent's own claim, and for messages that are no claims. */
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
