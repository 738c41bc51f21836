import type { ResumeRequestInit, ResumeResponse } from '@offramp/contracts';

/** Events of a stream. None occurs before `open` has returned, or after `onClose`. */
export interface StreamEvents {
  /**
   * A worker has answered; the stream accepts samples. Occurs again when the stream goes on over another connection.
   * @param encodings that the worker accepts
   */
  onOpen(encodings: ReadonlySet<number>): void;
  onResponse(response: ResumeResponse): void;
  /** The stream accepts samples again after {@link OffloadStream.send} returned `false`. */
  onDrain(): void;
  /** The answers to these samples will not come; the stream goes on. */
  onLost(sampleIds: readonly number[]): void;
  /** The stream could not be opened, broke, or was ended by the worker. */
  onClose(reason: string): void;
}

export interface OffloadStream {
  /** @returns whether the stream accepts more now */
  send(request: ResumeRequestInit): boolean;
  /** Ends the stream. `onClose` does not follow. */
  close(): void;
}

/** Transports samples to a worker. */
export interface OffloadTransport {
  open(events: StreamEvents): OffloadStream;
}

/** Events of a connection to a worker, as those of a stream. */
export interface ConnectionEvents extends Omit<StreamEvents, 'onLost'> {
  /** A new connection should take its place: certificates were renewed, or will expire. Repeats until it closes. */
  onStale(): void;
}

/** One connection to a worker. */
export interface Connection extends OffloadStream {
  /** Sends no more samples. The worker ends the connection after its last answer. */
  finish(): void;
}

/** Connects to a worker. */
export interface Connector {
  connect(events: ConnectionEvents): Connection;
}
