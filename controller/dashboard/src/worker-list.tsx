import type { ApiWorker } from '../../src/http/schemas/index.js';
import { count, percent } from './format.js';

export function WorkerList({ workers }: { workers: readonly ApiWorker[] }) {
  const threads = workers.reduce((sum, worker) => sum + worker.threads, 0);
  const load = workers.reduce((sum, worker) => sum + worker.utilisation * worker.threads, 0);
  return (
    <section class="card" aria-labelledby="workers">
      <div class="card-head">
        <h2 id="workers">Workers</h2>
        {threads > 0 && <p class="facts">{percent(load / threads, 0)} of their capacity</p>}
      </div>
      {workers.length === 0 ? (
        <p class="muted">
          No worker has reported in the last seconds. Workers report if they are started with{' '}
          <code>--nats</code>.
        </p>
      ) : (
        <ul class="workers">
          {workers.map((worker) => (
            <li key={worker.worker}>
              <span class="name">{worker.worker}</span>
              <meter
                min={0}
                max={1}
                high={0.8}
                value={Math.min(1, worker.utilisation)}
                aria-label={`load of ${worker.worker}`}
              />
              <span>
                {percent(worker.utilisation, 0)} <span class="muted">load</span>
              </span>
              <span class="muted">
                {worker.queued}/{worker.maxQueue} queued · {count(worker.answeredPerSecond)}/s answered
                {worker.refusedPerSecond > 0 ? ` · ${count(worker.refusedPerSecond)}/s refused` : ''}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
