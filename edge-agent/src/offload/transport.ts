import type { ResumeRequestInit, ResumeResponse } from '@offramp/contracts';

/** What happens on a stream. Nothing comes before `open` has returned, and nothing after `onClose`. */
export interface StreamEvents {
  /**
   * A worker is there; the stream takes samples.
   * @param encodings that the worker takes
   */
  onOpen(encodings: ReadonlySet<number>): void;
  onResponse(response: ResumeResponse): void;
  /** The stream takes samples again after {@link OffloadStream.send} gave `false`. */
  onDrain(): void;
  /** The stream could not be opened, or is broken, or the worker ended it. */
  onClose(reason: string): void;
}

export interface OffloadStream {
  /** @returns whether the stream takes more right now */
  send(request: ResumeRequestInit): boolean;
  /** Ends the stream. `onClose` does not follow. */
  close(): void;
}

/** How samples get to a worker. */
export interface OffloadTransport {
  open(events: StreamEvents): OffloadStream;
}
