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

/** The parts that a stop ends. */
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

/** Time for a stop beyond its drain … */
const finishMs = 1_500;
/** … of which stages and local exits have this long to answer samples in flight, … */
const hurryMs = 500;
/** … and the reader of the answers has this long to read the last ones. */
const lastAnswersMs = 500;

/**
 * Takes no new samples, and ends within `drainMs` plus {@link finishMs}, regardless of decoders, stages and workers. Every
 * sample in flight gets exactly one answer, which may be a failure.
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
      logger.warn({ answers: writer.pending }, 'the reader of the answers does not read the last ones');
      writer.abandon();
    }
  }
  link?.close();
  enter('stopped');
  await Promise.all([http?.close(leftMs()), fleet?.flush(leftMs())]);
}
