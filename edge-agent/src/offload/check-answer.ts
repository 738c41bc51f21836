import type { AnswerMessage, ExitOutcome } from '@offramp/shared';

/** What a worker can answer at all. */
export interface AnswerScope {
  /** Of the bundle, 32 bytes. */
  bundleDigest: Uint8Array;
  labels: number;
  branches: number;
  /** The first exit that the device does not run. */
  firstExit: number;
}

export interface WorkerAnswer {
  outcome: ExitOutcome;
  /** The exits that the sample passed on the worker and not on the device, in order. */
  passed: ExitOutcome[];
}

/**
 * @param firstStage the stage at which the worker resumed
 * @returns the answer, or in words what is wrong with it
 */
export function checkAnswer(
  answer: AnswerMessage,
  scope: AnswerScope,
  firstStage = scope.firstExit,
): WorkerAnswer | string {
  const exit = answer.exit ?? 0;
  const outcome = { exit, label: answer.label ?? 0, confidence: answer.confidence ?? 0 };
  if (!Buffer.from(answer.bundleDigest ?? []).equals(scope.bundleDigest)) return 'it is for another bundle';
  if (exit < scope.firstExit || exit > scope.branches) {
    return `expected an exit from ${scope.firstExit} to ${scope.branches}, found ${exit}`;
  }
  const wrong = checkOutcome(outcome, scope);
  if (wrong) return wrong;
  const passed: ExitOutcome[] = [];
  let before = firstStage - 1;
  for (const message of answer.passed ?? []) {
    const step = { exit: message.exit ?? 0, label: message.label ?? 0, confidence: message.confidence ?? 0 };
    if (step.exit <= before || step.exit >= exit) {
      return `expected passed exits in order below ${exit}, found ${step.exit}`;
    }
    const wrongStep = checkOutcome(step, scope);
    if (wrongStep) return wrongStep;
    before = step.exit;
    if (step.exit >= scope.firstExit) passed.push(step);
  }
  return { outcome, passed };
}

function checkOutcome({ label, confidence }: ExitOutcome, scope: AnswerScope): string | null {
  if (label >= scope.labels) return `expected a label below ${scope.labels}, found ${label}`;
  if (!(confidence >= 0 && confidence <= 1.001)) {
    return `expected a confidence in [0, 1], found ${confidence}`;
  }
  return null;
}
