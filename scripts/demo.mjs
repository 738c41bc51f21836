#!/usr/bin/env node
// `npm run demo`: sets up, then hands over to the example.
import { parseArgs } from 'node:util';
import { prepareNatsServer, prepareProject, reportSetupError } from './setup.mjs';

const usage = `usage: npm run demo [-- --keep]

  --keep   keep the fleet and its dashboard running after the summary until Ctrl-C
`;

// Checked before the set-up, which takes half a minute.
const options = { keep: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h' } };
let flags;
try {
  flags = parseArgs({ options }).values;
} catch (error) {
  process.stderr.write(`error [USAGE]: ${error.message}\n${usage}`);
  process.exit(2);
}
if (flags.help) {
  process.stdout.write(usage);
  process.exit(0);
}

try {
  await prepareProject();
  process.env.OFFRAMP_NATS_SERVER = await prepareNatsServer();
  const { main } = await import('@offramp/example-fashion-mnist');
  await main({ keep: flags.keep });
} catch (error) {
  reportSetupError(error);
}
