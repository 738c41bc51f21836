import { CloudLink, Lifecycle } from '@offramp/contracts';
import type { Fleet, ListedDevice } from '@offramp/controller';

/** A fleet as JSON, with names of states instead of numbers. */
export function fleetToJson({ devices, summary }: Fleet): object {
  return { summary, devices: devices.map(deviceToJson) };
}

function deviceToJson({ state, ...device }: ListedDevice): object {
  return {
    ...device,
    state: {
      ...state,
      lifecycle: nameOf(Lifecycle[state.lifecycle], 'LIFECYCLE_'),
      cloudLink: nameOf(CloudLink[state.cloudLink], 'CLOUD_LINK_'),
    },
  };
}

const nameOf = (name: string | undefined, prefix: string) => (name ?? '').replace(prefix, '').toLowerCase();
