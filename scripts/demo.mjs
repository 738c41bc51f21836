#!/usr/bin/env node
// `npm run demo`: sets up, then hands over to the example. Arguments go to the demo.
import { prepareNatsServer, prepareProject, reportSetupError } from './setup.mjs';

try {
  prepareProject();
  process.env.OFFRAMP_NATS_SERVER = prepareNatsServer();
  const { main } = await import('@offramp/example-fashion-mnist');
  await main(process.argv.slice(2));
} catch (error) {
  reportSetupError(error);
}
