import type { Bundle } from '../bundle/bundle.js';
import type { SessionOptions } from '../inference/session-options.js';
import { StageSessions } from '../inference/stage-sessions.js';
import { type CascadeEnd, type CascadeSample, runStage } from './cascade.js';

/** A sample that takes longer is no better off here: what it would save is little of that, and the loop waits for it. */
const quickMs = 3;
/** Quick samples in a row after which sessions are opened here: a sample now and then is not worth their memory. */
const quickBefore = 16;
/** Weight of the newest sample in the average of the times here. */
const newest = 1 / 16;

/**
 * Runs single samples through quick stages in the calling thread. To hand a sample to a sleeping thread and back takes
 * two wake-ups, about a tenth of a millisecond: as much as the stages of a small model. The loop is held up by a stage at
 * a time, and only where they are quick: until that is known, samples go through the threads.
 */
export class InlineCascade {
  private sessions: StageSessions | null = null;
  private opening: Promise<void> | null = null;
  private quick = 0;
  private averageMs = 0;
  private busy = false;
  private hurrying = false;
  private closed = false;

  constructor(
    private readonly bundle: Bundle,
    private readonly stages: number,
    private readonly session: Required<SessionOptions>,
  ) {}

  /** Whether a sample can run here now. */
  get free(): boolean {
    return this.sessions !== null && !this.busy && !this.closed;
  }

  /** Takes note of how long a single sample took through an idle thread, in milliseconds. */
  tookThread(milliseconds: number): void {
    this.quick = milliseconds < quickMs ? this.quick + 1 : 0;
    if (this.quick < quickBefore || this.sessions || this.closed) return;
    this.opening ??= this.open();
  }

  /**
   * Runs a sample; to be called only while {@link free}.
   * @param input is not kept or changed
   * @throws Error of ONNX Runtime
   */
  async run(sample: CascadeSample, input: Float32Array): Promise<CascadeEnd> {
    const { sessions } = this;
    if (!sessions) throw new Error('the stages are not open in this thread');
    const started = performance.now();
    this.busy = true;
    try {
      let activation = input;
      for (let stage = 0; stage < this.stages && !(this.hurrying && stage > 0); stage++) {
        const step = await runStage(sessions, stage, [sample], activation);
        if (step.answered[0]) return { left: step.answered[0].outcome };
        activation = step.activation;
      }
      return { activation };
    } finally {
      this.busy = false;
      this.averageMs += (performance.now() - started - this.averageMs) * newest;
      if (this.closed || this.averageMs > 2 * quickMs) await this.release();
    }
  }

  /** From now on a sample ends at the first exit that it passes, whether or not it leaves by it. */
  hurry(): void {
    this.hurrying = true;
  }

  /** Lets go of the sessions, once the sample that runs has ended. */
  async close(): Promise<void> {
    this.closed = true;
    this.hurrying = true;
    await this.opening;
    if (!this.busy) await this.release();
  }

  /** Stages that cannot be opened a second time go on in the threads. */
  private async open(): Promise<void> {
    try {
      const models = await this.bundle.readStages(0, this.stages);
      const shapes = this.bundle.manifest.stages.slice(0, this.stages).map(({ inputShape }) => inputShape);
      this.sessions = await StageSessions.open(models, shapes, 0, this.session);
    } catch {
      this.closed = true;
    }
  }

  private async release(): Promise<void> {
    const { sessions } = this;
    this.sessions = null;
    this.opening = null;
    this.quick = 0;
    this.averageMs = 0;
    await sessions?.release();
  }
}
