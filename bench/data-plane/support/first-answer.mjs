// `node first-answer.mjs BUNDLE DATA`: the minimum that a program must do to answer one picture.
import { Bundle } from '@offramp/bundle';
import { bareCascade, bareSessions, inputsOf } from './bare-cascade.mjs';

const [, , directory, data] = process.argv;
const bundle = await Bundle.open(directory);
const sessions = await bareSessions(bundle);
const inputs = await inputsOf(bundle, data, 1);
const exits = await bareCascade(bundle, sessions, bundle.manifest.policy.thresholds, inputs);
console.log(exits[0]);
