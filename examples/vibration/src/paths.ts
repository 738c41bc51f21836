import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const example = fileURLToPath(new URL('..', import.meta.url));
/** The repository, ending with a slash. */
export const rootPath = fileURLToPath(new URL('../../..', import.meta.url));

export const modelPath = join(example, 'model/bearing.onnx');
export const labelsPath = join(example, 'labels.txt');
