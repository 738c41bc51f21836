import { OfframpError } from '../../errors/offramp-error.js';
import { serveProcess } from '../serve-process.js';

/** What the process of `process-pool.test.ts` is asked to do. */
export type TestRequest =
  | { do: 'pid' }
  | { do: 'environment' }
  | { do: 'throw'; message: string }
  | { do: 'refuse' }
  | { do: 'block' }
  | { do: 'wait' }
  | { do: 'grow'; bytes: number }
  | { do: 'exit'; status: number }
  | { do: 'double'; bytes: Uint8Array };

const kept: Buffer[] = [];

serveProcess<TestRequest, unknown>(
  async (request) => {
    switch (request.do) {
      case 'pid':
        return process.pid;
      case 'environment':
        return Object.keys(process.env);
      case 'throw':
        throw new Error(request.message);
      case 'refuse':
        throw new OfframpError('IMAGE_INVALID', 'no', { hint: 'another' });
      case 'block':
        for (;;);
      case 'wait':
        return new Promise(() => setInterval(() => undefined, 1_000));
      case 'grow':
        kept.push(Buffer.alloc(request.bytes, 1));
        return new Promise(() => setInterval(() => undefined, 1_000));
      case 'exit':
        process.stderr.write('out of luck\n', () => process.exit(request.status));
        return new Promise(() => undefined);
      case 'double':
        return request.bytes.map((byte) => 2 * byte);
    }
  },
  { blocks: true },
);
