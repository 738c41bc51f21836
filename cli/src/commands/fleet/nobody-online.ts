import type { ControllerClient } from '@offramp/controller';
import { messageOf } from '@offramp/runtime';

/** What an operator may not have meant, since the name is mistyped. */
export function nobodyOnline(group: string): string {
  return `no device of group ${group} is online; \`offramp fleet ls\` lists who is`;
}

/** To be called when a change is made: what cannot be said about it any more is no failure of it. */
export async function warnOfNobody(client: ControllerClient, group: string): Promise<void> {
  try {
    const { online } = await client.summarizeDevices(group);
    if (online === 0) console.error(`warning: ${nobodyOnline(group)}`);
  } catch (error) {
    console.error(
      `warning: the change is made; whether a device is online is not known: ${messageOf(error)}`,
    );
  }
}
