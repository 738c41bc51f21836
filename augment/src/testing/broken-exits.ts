import {
  type Bundle,
  type BundleContents,
  readBundleContents,
  stageTensors,
  writeBundle,
} from '@offramp/bundle';
import { onnx } from '#onnx';
import { DataType } from '../onnx/data-type.js';
import { GraphEditor } from '../onnx/graph-editor.js';
import { writeModel } from '../onnx/write-model.js';

/** What of an exit is NaN for every sample; `run`: its stage cannot be run at all. */
export type BrokenOutput = 'confidence' | 'probabilities' | 'run';

/** Writes the bundle with exits that are broken, each in its way, and these thresholds. */
export async function writeBrokenExits(
  directory: string,
  bundle: Bundle,
  exits: ReadonlyMap<number, BrokenOutput>,
  thresholds: readonly number[],
): Promise<Bundle> {
  const contents = await readBundleContents(bundle);
  const stages = contents.stages.map((stage, i): BundleContents['stages'][number] => {
    const output = exits.get(i);
    return output ? { ...stage, model: broken(stage.model, output) } : stage;
  });
  const policy = { ...contents.policy, thresholds: [...thresholds] };
  return writeBundle(directory, { ...contents, stages, policy });
}

/** A model whose output is NaN. */
export function withoutNumbers(model: Uint8Array): Uint8Array {
  const editor = new GraphEditor(onnx.ModelProto.decode(model));
  const [output] = editor.graph.output;
  multiplied(editor, output?.name ?? '', addNaN(editor));
  return writeModel(editor.proto);
}

function broken(model: Uint8Array, broken: BrokenOutput): Uint8Array {
  const output = stageTensors[broken === 'run' ? 'confidence' : broken];
  const editor = new GraphEditor(onnx.ModelProto.decode(model));
  multiplied(editor, output, broken === 'run' ? addFailure(editor) : addNaN(editor));
  return writeModel(editor.proto);
}

const addNaN = (editor: GraphEditor) => editor.addInitializer('nan', [], Float32Array.of(Number.NaN));

/** Multiplies a tensor by a factor, under its old name. */
function multiplied(editor: GraphEditor, output: string, factor: string): void {
  const whole = editor.uniqueName(`${output}_whole`);
  for (const node of editor.graph.node) {
    node.output = node.output.map((name) => (name === output ? whole : name));
    node.input = node.input.map((name) => (name === output ? whole : name));
  }
  editor.addNode('Mul', [whole, factor], [output]);
}

/** Adds a look-up of a value that is not there; which one depends on the input, so that it is only known in a run. */
function addFailure(editor: GraphEditor): string {
  const constant = (name: string, value: number) => editor.addInitializer(name, [1], Float32Array.of(value));
  editor.addNode('ReduceMax', [stageTensors.input], ['largest'], { keepdims: { i: 0 } });
  editor.addNode('Abs', ['largest'], ['magnitude']);
  editor.addNode('Add', ['magnitude', constant('outside', 1)], ['place']);
  editor.addNode('Cast', ['place'], ['index'], { to: { i: DataType.int64 } });
  editor.addNode('Gather', [constant('only', 1), 'index'], ['found']);
  return 'found';
}
