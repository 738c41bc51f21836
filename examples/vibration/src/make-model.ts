// Makes model/bearing.onnx: `npm run model -w examples/vibration`. It takes some minutes.
import { writeFile } from 'node:fs/promises';
import { networkModel, trainNetwork } from './network.js';
import { modelPath } from './paths.js';
import { makeWindows } from './windows.js';

/** Other windows than those of the demo, which have small seeds. */
const firstSeed = 1_000;
const windows = 8_000;
const epochs = 24;

const windowsOf = (epoch: number) => makeWindows(windows, firstSeed + epoch);
const values = await trainNetwork(windowsOf, epochs, (epoch, loss) => {
  console.log(`epoch ${epoch + 1} of ${epochs}: loss ${loss.toFixed(4)}`);
});
await writeFile(modelPath, networkModel(values));
console.log(modelPath);
