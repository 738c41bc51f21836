import type { ResumeRequestInit, ResumeResponse } from '@offramp/contracts';
import { type Clock, type Logger, LogOnce } from '@offramp/runtime';
import type {
  Connection,
  ConnectionEvents,
  Connector,
  OffloadStream,
  OffloadTransport,
  StreamEvents,
} from './transport.js';

/** Samples whose answers may still come over a connection: more than are sent at once. The oldest are forgotten. */
const maxUnanswered = 100_000;

/** Streams that move to a new connection when the one they have is stale, without losing a sample. */
export class RenewableTransport implements OffloadTransport {
  private readonly problems: LogOnce;

  /** @param drainMs how long a connection that was left waits for its last answers */
  constructor(
    private readonly connector: Connector,
    private readonly drainMs: number,
    private readonly clock: Clock,
    logger: Logger,
  ) {
    this.problems = new LogOnce(logger);
  }

  open(events: StreamEvents): OffloadStream {
    const connect = (mine: ConnectionEvents) => this.connector.connect(mine);
    return new RenewableStream(connect, events, {
      afterDrain: (callback) => this.clock.after(this.drainMs, callback),
      onMoved: () => this.problems.clear(),
      onStuck: (reason) =>
        this.problems.log('warn', reason, { reason }, 'cannot move to a new connection; keeping the old one'),
    });
  }
}

interface Surroundings {
  afterDrain(callback: () => void): () => void;
  onMoved(): void;
  onStuck(reason: string): void;
}

class RenewableStream implements OffloadStream {
  private current: Lane;
  private next: Lane | null = null;
  private readonly left = new Set<Lane>();

  constructor(
    private readonly connect: (events: ConnectionEvents) => Connection,
    private readonly events: StreamEvents,
    private readonly surroundings: Surroundings,
  ) {
    this.current = this.openLane();
  }

  send(request: ResumeRequestInit): boolean {
    return this.current.send(request);
  }

  close(): void {
    for (const lane of [this.current, this.next, ...this.left]) lane?.close();
  }

  private openLane(): Lane {
    const lane: Lane = new Lane(this.connect, {
      onOpen: (encodings) => this.opened(lane, encodings),
      onResponse: (response) => {
        lane.answered(response);
        this.events.onResponse(response);
      },
      onDrain: () => {
        if (lane === this.current) this.events.onDrain();
      },
      onStale: () => {
        if (lane === this.current && !this.next) this.next = this.openLane();
      },
      onClose: (reason) => this.closed(lane, reason),
    });
    return lane;
  }

  private opened(lane: Lane, encodings: ReadonlySet<number>): void {
    if (lane === this.next) {
      const old = this.current;
      this.current = lane;
      this.next = null;
      this.leave(old);
      this.surroundings.onMoved();
    }
    this.events.onOpen(encodings);
  }

  private leave(lane: Lane): void {
    this.left.add(lane);
    const cancel = this.surroundings.afterDrain(() => {
      lane.close();
      this.gone(lane);
    });
    lane.finish(cancel);
  }

  private closed(lane: Lane, reason: string): void {
    if (lane === this.next) {
      this.next = null;
      this.surroundings.onStuck(reason);
    } else if (lane === this.current) {
      this.close();
      this.events.onClose(reason);
    } else {
      lane.close();
      this.gone(lane);
    }
  }

  private gone(lane: Lane): void {
    this.left.delete(lane);
    if (lane.unanswered.size > 0) this.events.onLost([...lane.unanswered]);
  }
}

/** A connection and the samples on it. */
class Lane {
  readonly unanswered = new Set<number>();
  private readonly connection: Connection;
  private cancelDrain: () => void = () => undefined;

  constructor(connect: (events: ConnectionEvents) => Connection, events: ConnectionEvents) {
    this.connection = connect(events);
  }

  send(request: ResumeRequestInit): boolean {
    const { unanswered } = this;
    unanswered.add(Number(request.sampleId));
    const [oldest] = unanswered.size > maxUnanswered ? unanswered : [];
    if (oldest !== undefined) unanswered.delete(oldest);
    return this.connection.send(request);
  }

  answered({ sampleId }: ResumeResponse): void {
    this.unanswered.delete(sampleId);
  }

  /** @param cancelDrain ends the wait for the last answers */
  finish(cancelDrain: () => void): void {
    this.cancelDrain = cancelDrain;
    this.connection.finish();
  }

  close(): void {
    this.cancelDrain();
    this.connection.close();
  }
}
