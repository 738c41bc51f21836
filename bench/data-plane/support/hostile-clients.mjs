// Clients of an agent's HTTP API that send too slowly, too much, or what costs much to decode.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';

const byteEveryMs = 2_000;
/** Until a client asks again that was refused without being told when. */
const otherwiseMs = 100;

/** Connections that send a byte of a body every two seconds, for ever. */
export class SlowClients {
  counts = { answered: 0, refused: 0 };
  #stopped = false;
  #sockets = new Set();

  constructor(address, count) {
    for (let i = 0; i < count; i++) this.#connect(new URL(address));
  }

  #connect({ hostname, port }) {
    if (this.#stopped) return;
    const socket = connect(Number(port), hostname);
    this.#sockets.add(socket);
    socket.write(
      'POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/jpeg\r\ncontent-length: 100000\r\n\r\n',
    );
    const timer = setInterval(() => socket.write('x'), byteEveryMs);
    socket.on('error', () => undefined);
    socket.once('data', () => this.counts.refused++);
    socket.once('close', () => {
      clearInterval(timer);
      this.#sockets.delete(socket);
      setTimeout(() => this.#connect({ hostname, port }), 100);
    });
  }

  async stop() {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Clients that send a picture, wait for the answer, and send it again. */
export class PictureClients {
  counts = { answered: 0, refused: 0 };
  #stopped = false;
  #running;
  #agent;

  constructor(address, count, picture) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: count });
    this.#running = Promise.all(Array.from({ length: count }, () => this.#run(address, picture)));
  }

  async #run(address, picture) {
    while (!this.#stopped) {
      const { status, retryAfterMs } = await this.#post(address, picture);
      if (status === 200) this.counts.answered++;
      else if (status > 0) this.counts.refused++;
      if (status !== 200) await sleep(retryAfterMs || otherwiseMs);
    }
  }

  async #post(address, picture) {
    const headers = { 'content-type': 'image/jpeg', 'content-length': picture.length };
    const outgoing = request(`${address}/v1/classify`, { method: 'POST', headers, agent: this.#agent });
    // After a refusal, the agent may end while the body is still being sent.
    outgoing.on('error', () => undefined).end(picture);
    try {
      const [response] = await once(outgoing, 'response');
      response.resume();
      await once(response, 'end');
      return {
        status: response.statusCode,
        retryAfterMs: Number(response.headers['retry-after'] ?? 0) * 1_000,
      };
    } catch {
      return { status: 0 };
    }
  }

  async stop() {
    this.#stopped = true;
    this.#agent.destroy();
    await this.#running;
  }
}

/** A JPEG of 4000 × 3000 pixels with as much detail as a photograph. */
export function largePicture() {
  const noise = { type: 'gaussian', mean: 120, sigma: 12 };
  return sharp({ create: { width: 4_000, height: 3_000, channels: 3, background: '#000', noise } })
    .jpeg({ quality: 85 })
    .toBuffer();
}

/** An SVG of some kilobytes that takes minutes and gigabytes to draw. */
export const filterPicture = Buffer.from(
  `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000"><filter id="f">${'<feTurbulence baseFrequency="0.9" numOctaves="60"/><feGaussianBlur stdDeviation="50"/>'.repeat(30)}</filter><rect width="4000" height="4000" filter="url(#f)"/></svg>`,
);
