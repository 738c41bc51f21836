import { Agent as HttpAgent, request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { OfframpError } from '@offramp/runtime';

/** The fields of an answer that the example uses. */
export interface Answer {
  labelIndex: number;
  exit: number;
  offloaded: boolean;
  degraded: boolean;
}

const readyTimeoutMs = 30_000;
const retryMs = 50;

/** Asks an agent that listens on a Unix socket. */
export class AgentClient {
  private readonly connections = new HttpAgent({ keepAlive: true, maxSockets: 8 });

  constructor(private readonly socketPath: string) {}

  /** Waits until the agent takes samples. */
  async ready(): Promise<void> {
    const deadline = performance.now() + readyTimeoutMs;
    for (;;) {
      const status = await this.send('GET', '/readyz').then(
        (reply) => reply.status,
        () => null,
      );
      if (status === 200) return;
      if (performance.now() > deadline) throw new OfframpError('INTERNAL', 'the agent did not start');
      await wait(retryMs);
    }
  }

  /** @param values the numbers of one sample, row-major, sent as little-endian float32 */
  classify(values: Float32Array): Promise<Answer> {
    const body = Buffer.alloc(values.byteLength);
    values.forEach((value, i) => {
      body.writeFloatLE(value, i * Float32Array.BYTES_PER_ELEMENT);
    });
    return this.ask('application/octet-stream', body);
  }

  /** @param rows the numbers of one sample, one row per channel, sent as JSON */
  classifyJson(rows: readonly number[][]): Promise<Answer> {
    return this.ask('application/json', Buffer.from(JSON.stringify(rows)));
  }

  close(): void {
    this.connections.destroy();
  }

  private async ask(contentType: string, body: Buffer): Promise<Answer> {
    const { status, text } = await this.send('POST', '/v1/classify', contentType, body);
    if (status !== 200)
      throw new OfframpError('INTERNAL', `the agent answered with status ${status}: ${text}`);
    return JSON.parse(text) as Answer;
  }

  private send(method: string, path: string, contentType?: string, body?: Buffer) {
    return new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers = contentType ? { 'content-type': contentType } : {};
      const { socketPath, connections: agent } = this;
      const outgoing = request({ socketPath, agent, method, path, headers }, (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
        incoming.once('error', reject);
      });
      outgoing.once('error', reject).end(body);
    });
  }
}
