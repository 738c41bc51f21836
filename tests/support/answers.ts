import { createInterface } from 'node:readline';
import type { Answer } from '@offramp/edge-agent';

/** All answers that an agent writes to a stream, when it has ended. Fails on an answer that is an error. */
export async function readAnswerLines(stream: NodeJS.ReadableStream): Promise<Answer[]> {
  const answers: Answer[] = [];
  for await (const line of createInterface({ input: stream })) {
    const answer = JSON.parse(line) as Answer & { error?: { code: string; message: string } };
    if (answer.error) throw new Error(`${answer.sample}: ${answer.error.code}: ${answer.error.message}`);
    answers.push(answer);
  }
  return answers;
}
