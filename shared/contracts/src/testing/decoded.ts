import type { Decoded, MessageInit, MessageType } from '../wire/message-types.js';

/** The message as the program that receives it has it. */
export const decoded = <M>(type: MessageType<M>, message: MessageInit<M> = {}): Decoded<M> =>
  type.decode(type.encode(message).finish());
