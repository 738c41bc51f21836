import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One line of an agent's answers: the fields that the demo uses. */
export interface AnswerLine {
  sample: string;
  labelIndex: number;
  exit: number;
  offloaded: boolean;
  degraded: boolean;
  policyVersion: number;
  correct?: boolean;
  error?: { code: string; message: string };
}

export async function readAnswers(path: string): Promise<AnswerLine[]> {
  const answers: AnswerLine[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line) answers.push(JSON.parse(line) as AnswerLine);
  }
  return answers;
}
