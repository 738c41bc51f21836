/** A message of a stream of server-sent events. */
export interface SseMessage {
  /** Empty: the message has none. */
  id: string;
  event: string;
  data: string;
}

/** Reads server-sent events (WHATWG HTML, section 9.2) from text that comes in pieces. */
export class SseParser {
  private rest = '';
  private message: SseMessage = { id: '', event: '', data: '' };

  /** @returns the messages that this piece completes; comments are none */
  read(piece: string): SseMessage[] {
    const lines = (this.rest + piece).split('\n');
    this.rest = lines.pop() ?? '';
    const messages: SseMessage[] = [];
    for (const line of lines) {
      if (line === '') {
        if (this.message.data !== '') messages.push(this.message);
        this.message = { id: '', event: '', data: '' };
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue;
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'id' || field === 'event') this.message[field] = value;
      if (field === 'data') this.message.data += (this.message.data === '' ? '' : '\n') + value;
    }
    return messages;
  }
}
