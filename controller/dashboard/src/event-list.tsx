import { useState } from 'preact/hooks';
import { thresholdText } from '../../src/decide/text/threshold-text.js';
import type { ApiEvent } from '../../src/http/schemas/index.js';
import { instant } from './format.js';
import { hrefOf } from './use-route.js';

const fewEvents = 12;

export function EventList({
  events,
  title,
  ofGroup = false,
}: {
  events: readonly ApiEvent[];
  title: string;
  /** Whether all events are of one group, which is then not named. */
  ofGroup?: boolean;
}) {
  const [all, setAll] = useState(false);
  const shown = all ? events : events.slice(0, fewEvents);
  return (
    <section class="card" aria-labelledby="events">
      <h2 id="events">{title}</h2>
      {events.length === 0 && <p class="muted">There are no events yet.</p>}
      <ol class="events">
        {shown.map((event) => (
          <li key={event.sequence} class={event.severity}>
            <Entry event={event} ofGroup={ofGroup} />
          </li>
        ))}
      </ol>
      {events.length > fewEvents && (
        <button type="button" onClick={() => setAll(!all)}>
          {all ? 'Show fewer' : `Show all ${events.length}`}
        </button>
      )}
    </section>
  );
}

function Entry({ event, ofGroup }: { event: ApiEvent; ofGroup: boolean }) {
  const { at, group, device, kind, severity, text, author, thresholds, explanation } = event;
  const about = [ofGroup ? '' : group, device].filter((name) => name !== '').join(' / ');
  return (
    <>
      <time dateTime={at}>{instant(at)}</time>
      <div>
        <p>
          <span class={`badge ${severity === 'warning' ? 'bad' : ''}`}>{kind.replaceAll('-', ' ')}</span>{' '}
          {about !== '' && <a href={hrefOf({ group, device: device === '' ? null : device })}>{about}</a>}{' '}
          {text} {author !== '' && <span class="muted unbroken">By {author}.</span>}
        </p>
        {(explanation.length > 0 || thresholds.length > 0) && (
          <details>
            <summary>Why</summary>
            {explanation.map((line) => (
              <p key={line}>{line}</p>
            ))}
            {thresholds.length > 0 && <p>Thresholds: {thresholds.map(thresholdText).join(', ')}</p>}
          </details>
        )}
      </div>
    </>
  );
}
