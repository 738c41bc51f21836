import { useEffect, useState } from 'preact/hooks';
import type { ApiEvent } from '../../src/http/schemas/index.js';
import { readApi } from './api.js';
import { afterEvents, afterMessages, emptyFleet, type FleetState } from './fleet-state.js';
import { type LinkState, StreamLink } from './stream-link.js';

export interface LiveFleet {
  fleet: FleetState;
  link: LinkState;
  /** Why the link is cut or refused; empty otherwise. */
  problem: string;
}

/**
 * The fleet's state from the event stream.
 * @param attempt incremented to restart with another token
 */
export function useFleet(attempt: number): LiveFleet {
  const [fleet, setFleet] = useState<FleetState>(emptyFleet);
  const [{ link, problem }, setLink] = useState<{ link: LinkState; problem: string }>({
    link: 'connecting',
    problem: '',
  });
  useEffect(() => {
    const readEvents = () =>
      readApi<{ events: ApiEvent[] }>('v1/events?limit=200').then(
        ({ events }) => setFleet((state) => afterEvents(state, events)),
        // The stream reports that the controller is not reachable.
        () => undefined,
      );
    const stream = new StreamLink({
      state: (state, why) => {
        setLink({ link: state, problem: why });
        if (state === 'live') void readEvents();
      },
      messages: (messages) => setFleet((state) => afterMessages(state, messages)),
    });
    return () => stream.close();
  }, [attempt]);
  return { fleet, link, problem };
}
