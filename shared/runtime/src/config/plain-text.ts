import { z } from 'zod';
import { OfframpError } from '../errors/offramp-error.js';
import type { Logger } from '../logs/logging.js';
import { isLoopback } from './address.js';

/** The option of every program that talks with other machines. */
export const insecureOption = z
  .boolean()
  .default(false)
  .describe('Allow plain text to and from other machines, which can then read and change it');

export interface PlainText {
  /** The option that asks for plain text, such as `--nats`. */
  option: string;
  /** The hosts that it names. */
  hosts: readonly string[];
  /** Whether `--insecure` allows it. */
  insecure: boolean;
  /** How to have TLS instead: one sentence. */
  hint: string;
}

/**
 * Allows plain text with this machine alone. With `--insecure` it is allowed with any, and the log says so.
 * @throws OfframpError `CONFIG_INVALID`
 */
export function checkPlainText({ option, hosts, insecure, hint }: PlainText, logger: Logger): void {
  const others = hosts.filter((host) => !isLoopback(host));
  if (others.length === 0) return;
  if (!insecure) {
    throw new OfframpError(
      'CONFIG_INVALID',
      `${option}: expected TLS, or an address of this machine; found plain text for ${others.join(', ')}`,
      { hint: `${hint} --insecure allows plain text.` },
    );
  }
  logger.warn(
    { option, hosts: others },
    'plain text: others on the network can read and change what is sent',
  );
}
