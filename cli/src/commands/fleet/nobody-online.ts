import type { ControllerClient } from '@offramp/controller';
import { messageOf } from '@offramp/runtime';

/** A warning about a group without online devices: its name may be mistyped. */
export function nobodyOnline(group: string): string {
  return `no device of group ${group} is online; \`offramp fleet ls\` lists all devices`;
}

/** Warns after a change. An error of the query does not make the change fail. */
export async function warnIfNobodyOnline(client: ControllerClient, group: string): Promise<void> {
  try {
    const { online } = await client.summarizeDevices(group);
    if (online === 0) console.error(`warning: ${nobodyOnline(group)}`);
  } catch (error) {
    console.error(
      `warning: the change is made, but it is not known whether a device is online: ${messageOf(error)}`,
    );
  }
}
