#!/usr/bin/env node
// `npm run vibration`: sets up, then hands over to the example.
import { prepareProject, reportSetupError } from './setup.mjs';

try {
  await prepareProject();
  const { main } = await import('../examples/vibration/dist/index.js');
  await main();
} catch (error) {
  reportSetupError(error);
}
