import type { onnx } from '#onnx';
import { isDefaultDomain } from './model.js';

const shownOperators = 6;

/** What to do about a model that one operator computes as a whole, or that nothing here can run. */
export const noNetworkHint =
  'Exits are attached between the layers of a neural network; export the network with the operators of ONNX.';

/** The operators of nodes, each once, as ONNX's documentation names them: `Conv`, `ai.onnx.ml.ZipMap`. */
export function operatorNames(nodes: readonly onnx.NodeProto[]): string[] {
  return [
    ...new Set(nodes.map(({ domain, opType }) => (isDefaultDomain(domain) ? opType : `${domain}.${opType}`))),
  ];
}

/** {@link operatorNames} for a message. */
export function listOperators(nodes: readonly onnx.NodeProto[]): string {
  const names = operatorNames(nodes);
  const left = names.length - shownOperators;
  return `${names.slice(0, shownOperators).join(', ')}${left > 0 ? `, and ${left} more` : ''}`;
}
