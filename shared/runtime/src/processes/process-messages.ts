import type { ErrorCode } from '../errors/catalogue.js';

/** What a child process says: that it takes requests, or how the request it has ended. */
export type ChildMessage<Reply> = 'ready' | { reply: Reply } | { error: RemoteError };

/** An error on its way to another process. `code` is absent from errors without one. */
export interface RemoteError {
  code?: ErrorCode;
  message: string;
  hint?: string;
}
