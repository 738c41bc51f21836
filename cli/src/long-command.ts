import { interruptible } from './interruptible.js';
import { ProgressBar } from './progress-bar.js';

/** Runs a job that shows its progress. The first SIGINT or SIGTERM aborts its signal, a second one ends the process. */
export async function withProgress(
  job: (progress: ProgressBar, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const progress = new ProgressBar();
  await interruptible(
    (signal) => job(progress, signal),
    (signal) => progress.say(`${signal}: stopping; repeat it to stop at once`),
  ).finally(() => progress.stop());
}
