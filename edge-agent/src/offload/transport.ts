import type { ResumeRequestInit, ResumeResponse } from '@offramp/contracts';

/** Events of a stream. None occurs before `open` has returned, or after `onClose`. */
export interface StreamEvents {
  /**
   * A worker has answered; the stream accepts samples.
   * @param encodings that the worker accepts
   */
  onOpen(encodings: ReadonlySet<number>): void;
  onResponse(response: ResumeResponse): void;
  /** The stream accepts samples again after {@link OffloadStream.send} returned `false`. */
  onDrain(): void;
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
