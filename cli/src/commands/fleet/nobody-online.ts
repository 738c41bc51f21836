import type { ControllerClient } from '@offramp/controller';

/** What an operator may not have meant, since the name is mistyped. */
export function nobodyOnline(group: string): string {
  return `no device of group ${group} is online; \`offramp fleet ls\` lists who is`;
}

/** @throws OfframpError as requests to a controller do */
export async function warnOfNobody(client: ControllerClient, group: string): Promise<void> {
  const { online } = await client.summarizeDevices(group);
  if (online === 0) console.error(`warning: ${nobodyOnline(group)}`);
}
