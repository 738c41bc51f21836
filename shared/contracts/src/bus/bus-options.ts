import { insecureOption, natsServersSchema } from '@offramp/runtime';
import { z } from 'zod';

const file = z.string().min(1).optional();

/** The options of every program that connects to NATS. Files are read again while the program runs. */
export const busOptions = {
  nats: natsServersSchema
    .default('nats://127.0.0.1:4222')
    .describe('NATS servers, separated by commas: tls://host demands TLS, nats://user:password@host logs in'),
  natsCreds: file.meta({
    description: 'File with credentials for NATS: a JWT and its seed (.creds), closed to other users',
    fallback: 'none',
  }),
  natsNkey: file.meta({
    description: 'File with the seed of an nkey for NATS, closed to other users',
    fallback: 'none',
  }),
  natsUser: z.string().min(1).optional().meta({
    description: 'User name for NATS; needs --nats-password-file',
    fallback: 'none',
  }),
  natsPasswordFile: file.meta({
    description: 'File with the password of --nats-user, closed to other users',
    fallback: 'none',
  }),
  natsTokenFile: file.meta({
    description: 'File with a token for NATS, closed to other users',
    fallback: 'none',
  }),
  natsCa: file.meta({
    description:
      "File with the certificates of the authorities that NATS servers' certificates must come from; demands TLS",
    fallback: 'those of Node.js',
  }),
  natsCert: file.meta({
    description:
      'File with the certificate for NATS servers that ask for one, and those that lead to its authority; demands TLS',
    fallback: 'none',
  }),
  natsKey: file.meta({
    description: 'File with the private key of that certificate, closed to other users',
    fallback: 'none',
  }),
  insecure: insecureOption,
};

export type BusConfig = z.infer<z.ZodObject<typeof busOptions>>;
