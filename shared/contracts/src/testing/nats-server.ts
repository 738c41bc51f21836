import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { OfframpError } from '@offramp/runtime';
import { type ConnectionOptions, connect } from 'nats';

export interface NatsServerOptions {
  /** Default: a free one. Give the port of a stopped server to bring it back where its clients look for it. */
  port?: number;
  /** Where JetStream keeps its files. Default: a new temporary folder, which `stop()` removes. */
  storeDir?: string;
  /** Whether the server has JetStream. Default true. */
  jetStream?: boolean;
  /** A configuration file, for what is not said here. Default none. */
  configFile?: string;
  /** The folder to which paths in the configuration are relative, which then says where JetStream keeps its files. Default none. */
  folder?: string;
  /** With what the start looks whether the server answers. Default: without credentials, in plain text. */
  probe?: Pick<ConnectionOptions, 'authenticator' | 'user' | 'pass' | 'tls' | 'inboxPrefix'>;
  /** Keep the terminal's Ctrl-C from the server, so that who started it can stop it last. Default false. */
  detached?: boolean;
}

/** A NATS server with JetStream, in a process of its own. */
export interface NatsServer {
  readonly url: string;
  readonly port: number;
  /** Of its process. */
  readonly pid: number;
  readonly storeDir: string;
  /** Kills the server at once, as a power cut would, and removes its files unless `storeDir` was given. */
  stop(): Promise<void>;
}

const startTimeoutMs = 15_000;
const pollMs = 25;

/**
 * Starts a NATS server and waits until it answers, and its JetStream.
 * @throws OfframpError `NATS_UNAVAILABLE` if there is no `nats-server` or it does not come up
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const binary = findNatsServer();
  const port = options.port ?? (await freePort());
  const storeDir = options.storeDir ?? (await mkdtemp(join(tmpdir(), 'offramp-nats-')));
  const url = `nats://127.0.0.1:${port}`;
  const jetStream = options.jetStream ?? true;
  const flags = [
    '-a',
    '127.0.0.1',
    '-p',
    String(port),
    ...(jetStream && options.folder === undefined ? ['-js', '-sd', storeDir] : []),
  ];
  if (options.configFile !== undefined) flags.push('-c', options.configFile);
  const child = spawn(binary, flags, {
    detached: options.detached ?? false,
    cwd: options.folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4_000);
  });
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  const stop = async () => {
    process.off('exit', killWithParent);
    await kill(child);
    if (options.storeDir === undefined) await rm(storeDir, { recursive: true, force: true });
  };
  try {
    await accepts({ ...options.probe, servers: url }, child, jetStream);
  } catch {
    await stop();
    throw new OfframpError('NATS_UNAVAILABLE', `${binary} did not come up on ${url}:\n${log}`);
  }
  return { url, port, pid: child.pid ?? 0, storeDir, stop };
}

/**
 * `OFFRAMP_NATS_SERVER`, else the first `nats-server` in PATH or where distributions put it.
 * @throws OfframpError `NATS_UNAVAILABLE`
 */
export function findNatsServer(): string {
  const named = process.env.OFFRAMP_NATS_SERVER;
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin'];
  const candidates = named ? [named] : folders.map((folder) => join(folder, 'nats-server'));
  const found = candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) {
    throw new OfframpError('NATS_UNAVAILABLE', `no nats-server: looked for ${candidates.join(', ')}`, {
      hint: 'Install the package nats-server, or name the binary in OFFRAMP_NATS_SERVER.',
    });
  }
  return found;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function accepts(options: ConnectionOptions, child: ChildProcess, jetStream: boolean): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    try {
      const connection = await connect({ ...options, reconnect: false, timeout: 1_000 });
      try {
        if (jetStream) await (await connection.jetstreamManager()).getAccountInfo();
        return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}

function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
