import { join } from 'node:path';
import { Bundle } from '@offramp/bundle';
import { type NatsServer, startNatsServer } from '@offramp/contracts/testing';
import { OfframpError, systemCodeOf } from '@offramp/runtime';
import { bundlePath } from './paths.js';
import { type OfframpProcess, ProcessGroup } from './processes.js';
import type { Scene } from './scene.js';

export const demoGroup = 'cameras';
/** Devices report and the controller decides more often than by default, to keep the demo short. */
const telemetryIntervalMs = 500;
const tuneEveryMs = 500;
/** Longer than by default, because all programs share one machine. */
const offloadTimeoutMs = 2_000;

export interface FleetOptions {
  /** Pictures per second and camera. */
  ratePerS: number;
  /** For logs and answers. */
  folder: string;
}

export interface Agent {
  device: string;
  process: OfframpProcess;
  answersPath: string;
}

/** NATS, a controller, a worker and some agents, each in its own process. */
export class Fleet {
  readonly agents: Agent[] = [];
  private workerProcess: OfframpProcess | null = null;
  private dashboard = '';

  private constructor(
    readonly bundle: Bundle,
    readonly nats: NatsServer,
    private readonly processes: ProcessGroup,
    private readonly controller: OfframpProcess,
    private readonly options: FleetOptions,
    private workerListen: string,
  ) {}

  /** Starts everything but the agents. @throws OfframpError when a program does not start */
  static async start(options: FleetOptions): Promise<Fleet> {
    const bundle = await Bundle.open(bundlePath);
    const nats = await startNatsServer({ detached: true });
    const processes = new ProcessGroup(options.folder);
    const controller = processes.start('controller', [
      'controller',
      ...['--bundle', bundlePath, '--nats', nats.url, '--listen', '127.0.0.1:0'],
      ...['--tune-every-ms', String(tuneEveryMs), '--instance-name', 'controller'],
    ]);
    const fleet = new Fleet(bundle, nats, processes, controller, options, '127.0.0.1:0');
    try {
      const [ready] = await Promise.all([controller.firstLine(/ready/), fleet.startWorker()]);
      fleet.dashboard = ready.replace(/^.* at /, '');
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  get workerAddress(): string {
    return this.workerListen;
  }

  /** The dashboard's address for a browser. */
  get dashboardUrl(): string {
    return this.dashboard;
  }

  async startWorker(): Promise<void> {
    this.workerProcess = this.processes.start('worker', [
      'worker',
      ...['--bundle', bundlePath, '--listen', this.workerListen],
      ...['--nats', this.nats.url, '--name', 'worker'],
    ]);
    const line = await this.workerProcess.firstLine(/^listening on /);
    // A restarted worker listens on the same port.
    this.workerListen = line.replace('listening on ', '');
  }

  async killWorker(): Promise<void> {
    await this.workerProcess?.kill();
    this.workerProcess = null;
  }

  /**
   * Starts an agent for each camera; on later calls these are new boots of the same devices.
   * @param passes whether agents read their pictures once or repeatedly
   */
  startAgents({ cameras }: Scene, passes: 'once' | 'repeatedly'): void {
    this.agents.length = 0;
    for (const { device, path } of cameras) {
      const answersPath = join(this.options.folder, `${device}.jsonl`);
      const process = this.processes.start(device, [
        'agent',
        ...['--bundle', bundlePath, '--source', path, '--rate', String(this.options.ratePerS)],
        ...(passes === 'once' ? [] : ['--loop']),
        ...['--device', device, '--group', demoGroup],
        ...['--answers', passes === 'once' ? answersPath : 'none'],
        ...['--cloud', this.workerListen, '--nats', this.nats.url],
        ...['--offload-timeout-ms', String(offloadTimeoutMs)],
        ...['--telemetry-interval-ms', String(telemetryIntervalMs)],
      ]);
      this.agents.push({ device, process, answersPath });
    }
  }

  /** Waits until the agents have answered all their pictures. @throws OfframpError if one failed */
  async agentsDone(): Promise<void> {
    await Promise.all(
      this.agents.map(async ({ process }) => {
        const status = await process.exited;
        if (status !== 0) {
          throw new OfframpError('INTERNAL', `${process.name} ended with status ${status}`, {
            hint: `Its log is ${process.logPath}`,
          });
        }
      }),
    );
  }

  /** Runs an `offramp` command against this fleet. */
  command(args: readonly string[]): Promise<{ status: number; output: string }> {
    return this.processes.run([...args, '--nats', this.nats.url]);
  }

  /** Devices first, so that they can answer what they have in flight; NATS last. */
  async stop(): Promise<void> {
    await Promise.all(this.agents.map(({ process }) => process.stop().catch(ignoreGone)));
    await this.workerProcess?.stop().catch(ignoreGone);
    await this.controller.stop().catch(ignoreGone);
    await this.nats.stop();
  }
}

function ignoreGone(error: unknown): void {
  if (systemCodeOf(error) !== 'ESRCH') throw error;
}
