import type { AnswerMessage, ExitOutcome } from '@offramp/contracts';

/** The answers that a worker can give. */
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
 * @returns the answer, or a description of what is wrong with it
 */
export function checkAnswer(
  answer: AnswerMessage,
  scope: AnswerScope,
  firstStage = scope.firstExit,
): WorkerAnswer | string {
  const { exit, label, confidence } = answer;
  const outcome = { exit, label, confidence };
  if (!Buffer.from(answer.bundleDigest).equals(scope.bundleDigest)) return 'it is for another bundle';
  if (exit < scope.firstExit || exit > scope.branches) {
    return `expected an exit from ${scope.firstExit} to ${scope.branches}, found ${exit}`;
  }
  const wrong = checkOutcome(outcome, scope);
  if (wrong) return wrong;
  const passed: ExitOutcome[] = [];
  let before = firstStage - 1;
  for (const message of answer.passed) {
    const step = { exit: message.exit, label: message.label, confidence: message.confidence };
    if (step.exit <= before || step.exit >= exit) {
      return `expected passed exits in order below ${exit}, found ${step.exit}`;
    }
    // An exit that yields NaN never answers, but samples pass it.
    const wrongStep = Number.isNaN(step.confidence) ? checkLabel(step, scope) : checkOutcome(step, scope);
    if (wrongStep) return wrongStep;
    before = step.exit;
    if (step.exit >= scope.firstExit) passed.push(step);
  }
  return { outcome, passed };
}

function checkOutcome(outcome: ExitOutcome, scope: AnswerScope): string | null {
  const { confidence } = outcome;
  if (confidence >= 0 && confidence <= 1.001) return checkLabel(outcome, scope);
  return `expected a confidence in [0, 1], found ${confidence}`;
}

function checkLabel({ label }: ExitOutcome, { labels }: AnswerScope): string | null {
  return label < labels ? null : `expected a label below ${labels}, found ${label}`;
}
