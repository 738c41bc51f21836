import type { LiveFleet } from './use-fleet.js';

/** Whether what is shown is what is. The only live region beside the results of forms: it changes rarely, and matters. */
export function ConnectionBadge({ live: { fleet, link, problem } }: { live: LiveFleet }) {
  const connected = fleet.controller?.connected ?? true;
  const leader = fleet.controller?.leader;
  const text = {
    connecting: 'Connecting …',
    live: connected ? 'Live' : 'The controller has lost NATS',
    cut: 'Cut off: what is shown is old. Connecting again …',
    refused: 'No access',
  }[link];
  return (
    <div class="connection">
      {leader && <span class="leader">leader {leader.instance}</span>}
      <span
        role="status"
        class={`badge ${link === 'live' && connected ? 'good' : link === 'connecting' ? '' : 'bad'}`}
      >
        {text}
      </span>
      {link === 'cut' && problem !== '' && <span class="problem">{problem}</span>}
    </div>
  );
}
