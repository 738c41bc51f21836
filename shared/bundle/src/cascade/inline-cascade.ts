import type { Clock } from '@offramp/runtime';
import type { Bundle } from '../files/bundle.js';
import type { SessionOptions } from '../inference/session-options.js';
import { readStageModels } from '../inference/stage-models.js';
import { StageSessions } from '../inference/stage-sessions.js';
import { brokenExitError, type CascadeEnd, type CascadeSample, runStage } from './cascade.js';

/** Up to here a sample gains from running inline. A slower one gains little, and blocks the event loop meanwhile. */
const maxQuickMs = 3;
/** Quick samples in a row before sessions are opened here: occasional samples are not worth the memory. */
const minQuickInARow = 16;
/** Weight of the newest sample in the moving average of inline times. */
const newestWeight = 1 / 16;

/**
 * Runs single samples through quick stages in the calling thread. To hand a sample to a sleeping thread and back takes
 * two wake-ups, about a tenth of a millisecond: as much as the stages of a small model. A stage blocks the event loop
 * while it runs, so only quick stages run here; until their time is known, samples go through the threads.
 */
export class InlineCascade {
  private sessions: StageSessions | null = null;
  private opening: Promise<void> | null = null;
  private quickInARow = 0;
  private averageMs = 0;
  private busy = false;
  private hurrying = false;
  private closed = false;

  constructor(
    private readonly bundle: Bundle,
    private readonly stages: number,
    private readonly session: Required<SessionOptions>,
    private readonly clock: Clock,
  ) {}

  /** Whether a sample can run here now. */
  get free(): boolean {
    return this.sessions !== null && !this.busy && !this.closed;
  }

  /** Records how long a single sample took through an idle thread. Opens the sessions after enough quick ones. */
  noteThreadTime(milliseconds: number): void {
    this.quickInARow = milliseconds < maxQuickMs ? this.quickInARow + 1 : 0;
    if (this.quickInARow < minQuickInARow || this.sessions || this.closed) return;
    this.opening ??= this.open();
  }

  /**
   * Runs a sample. Call it only while {@link free}.
   * @param input is not kept or changed
   * @throws OfframpError `INFERENCE_FAILED`; Error of ONNX Runtime
   */
  async run(sample: CascadeSample, input: Float32Array): Promise<CascadeEnd> {
    const { sessions } = this;
    if (!sessions) throw new Error('expected open stages in this thread, found none');
    const startedAt = this.clock.now();
    this.busy = true;
    try {
      let activation = input;
      let stage = 0;
      for (; stage < this.stages && !(this.hurrying && stage > 0); stage++) {
        const step = await runStage(sessions, stage, [sample], activation);
        if (step.answered[0]) return { left: step.answered[0].outcome };
        if (step.staying.length === 0) throw brokenExitError(stage);
        activation = step.activation;
      }
      const code = stage === this.stages ? await sessions.encode(activation, 1) : null;
      return { activation, ...(code ? { code } : {}) };
    } finally {
      this.busy = false;
      this.averageMs += (this.clock.now() - startedAt - this.averageMs) * newestWeight;
      if (this.closed || this.averageMs > 2 * maxQuickMs) await this.release();
    }
  }

  /** From now on a sample ends at the first exit that it passes, whether or not it leaves by it. */
  hurry(): void {
    this.hurrying = true;
  }

  /** Releases the sessions when the running sample has ended. */
  async close(): Promise<void> {
    this.closed = true;
    this.hurrying = true;
    await this.opening;
    if (!this.busy) await this.release();
  }

  /** If the stages cannot be opened a second time, they run only in the threads. */
  private async open(): Promise<void> {
    try {
      const models = await readStageModels(this.bundle, 0, this.stages);
      this.sessions = await StageSessions.open(models, 0, this.session);
    } catch {
      this.closed = true;
    }
  }

  private async release(): Promise<void> {
    const { sessions } = this;
    this.sessions = null;
    this.opening = null;
    this.quickInARow = 0;
    this.averageMs = 0;
    await sessions?.release();
  }
}
