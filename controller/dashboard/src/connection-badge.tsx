import type { LiveFleet } from './use-fleet.js';

/** Whether the page is up to date. A live region, like the results of forms, because it rarely changes and matters. */
export function ConnectionBadge({ live: { fleet, link, problem } }: { live: LiveFleet }) {
  const connected = fleet.controller?.connected ?? true;
  const fault = fleet.controller?.problem ?? null;
  const leader = fleet.controller?.leader;
  const text = {
    connecting: 'Connecting …',
    live: !connected ? 'The controller has lost NATS' : fault ? 'The controller cannot decide' : 'Live',
    cut: 'Cut off: the page shows old data. Reconnecting …',
    refused: 'No access',
  }[link];
  return (
    <div class="connection">
      {leader && <span class="leader">leader {leader.instance}</span>}
      <span
        role="status"
        class={`badge ${link === 'live' && connected && !fault ? 'good' : link === 'connecting' ? '' : 'bad'}`}
      >
        {text}
      </span>
      {link === 'cut' && problem !== '' && <span class="problem">{problem}</span>}
      {link === 'live' && fault && <span class="problem">{fault}</span>}
    </div>
  );
}
