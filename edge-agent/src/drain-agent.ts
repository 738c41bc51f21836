import { type Clock, type Logger, within } from '@offramp/runtime';
import type { Auditor } from './audit/auditor.js';
import type { FleetMembership } from './fleet-membership.js';
import type { HttpApi } from './http/http-api.js';
import type { OffloadLink } from './offload/offload-link.js';
import type { AnswerWriter } from './output/answer-writer.js';
import type { Pipeline } from './pipeline/pipeline.js';
import type { SampleIntake } from './pipeline/sample-intake.js';
import type { Slots } from './slots.js';
import type { DatasetSource } from './source/dataset-source.js';
import type { AgentPhase } from './status.js';

/** What a stop brings down. */
export interface DrainedParts {
  intake: SampleIntake;
  source: DatasetSource | null;
  auditor: Auditor;
  pipeline: Pipeline;
  slots: Slots;
  writer: AnswerWriter;
  http: HttpApi | null;
  link: OffloadLink | null;
  fleet: FleetMembership | null;
  enter(phase: AgentPhase): void;
}

/** How long a stop may take beyond its drain … */
const finishMs = 1_500;
/** … and how long of that stages and local exits have to answer what is still in flight, … */
const hurryMs = 500;
/** … and the reader of the answers to take the last ones. */
const lastAnswersMs = 500;

/**
 * Takes nothing new, and ends within `drainMs` and {@link finishMs}: every sample in flight gets its one answer, which may
 * say that there is none, whatever a decoder, a stage or a worker does.
 */
export async function drainAgent(
  { intake, source, auditor, pipeline, slots, writer, http, link, fleet, enter }: DrainedParts,
  { drainMs, clock, logger }: { drainMs: number; clock: Clock; logger: Logger },
): Promise<void> {
  const endAt = clock.now() + drainMs + finishMs;
  const leftMs = () => Math.max(0, endAt - clock.now());
  enter('draining');
  source?.stop();
  intake.stop();
  auditor.stop();
  if (!(await within(slots.idle(), drainMs, clock))) {
    logger.warn({ inFlight: slots.inFlight }, 'stopping: local exits answer what is still in flight');
    source?.close();
    http?.abandonPictures();
    pipeline.hurry();
    if (!(await within(slots.idle(), hurryMs, clock))) pipeline.giveUp();
    // A place is free when its answer is written.
    if (!(await within(slots.idle(), lastAnswersMs, clock))) {
      logger.warn({ answers: writer.pending }, 'the reader of the answers does not take the last ones');
      writer.abandon();
    }
  }
  link?.close();
  enter('stopped');
  await Promise.all([http?.close(leftMs()), fleet?.flush(leftMs())]);
}
