import {
  Bundle,
  evaluateThresholds,
  exitCosts,
  formatShape,
  type Manifest,
  type SentActivation,
  type SentInput,
  sentActivation,
  sentInputName,
  smallestInput,
} from '@offramp/bundle';
import { readableText, shortDigest } from '@offramp/runtime';
import { jsonText } from './json-text.js';
import { formatTable } from './table.js';
import { formatBytes, formatCount, formatPercent } from './units.js';

/** What a device sends that stops after some stages. */
interface BundleBoundary {
  deviceStages: number;
  /** Of the samples, under the bundle's thresholds. */
  offloadShare: number;
  /** `null` with no stages on the device. */
  activation: (SentActivation & { shape: readonly number[] }) | null;
  input: SentInput;
}

/**
 * A bundle as text or JSON: what activations and inputs take at every stage boundary.
 * @throws OfframpError `FILE_NOT_FOUND`, `BUNDLE_INVALID`, `BUNDLE_CORRUPT`
 */
export async function bundleInspection(directory: string, json: boolean): Promise<string> {
  const bundle = await Bundle.open(directory);
  const { manifest, digest } = bundle;
  const { thresholds } = manifest.policy;
  const { exitShares } = evaluateThresholds(await bundle.readCalibration(), thresholds, exitCosts(manifest));
  const boundaries = manifest.stages.map((_, deviceStages) => ({
    deviceStages,
    offloadShare: exitShares.slice(deviceStages).reduce((sum, share) => sum + share, 0),
    activation: activationAt(manifest, deviceStages),
    input: smallestInput(manifest, deviceStages),
  }));
  if (!json) return inspectionText(bundle, boundaries);
  const { name, backbone, deviceStages, input } = manifest;
  const { pictures = [] } = manifest.stages[0] ?? {};
  return jsonText({ name, digest, backbone, deviceStages, input, pictures, boundaries }, 2);
}

function activationAt(manifest: Manifest, deviceStages: number): BundleBoundary['activation'] {
  const shape = manifest.stages[deviceStages - 1]?.activationShape;
  return shape ? { shape, ...sentActivation(manifest, deviceStages) } : null;
}

function inspectionText({ manifest, digest }: Bundle, boundaries: readonly BundleBoundary[]): string {
  const { name, backbone, deviceStages, input, stages } = manifest;
  const word = input.kind === 'tensor' ? 'input' : 'picture';
  const right = 'right' as const;
  const size = (bytes: number) => formatBytes(Math.round(bytes));
  const table = formatTable(
    [
      { head: 'stages on device', align: right },
      { head: 'sent', align: right },
      { head: 'activation', align: right },
      { head: 'as' },
      { head: 'bytes', align: right },
      { head: `${word} as` },
      { head: 'bytes', align: right },
    ],
    boundaries.map(({ deviceStages: on, offloadShare, activation, input: sent }) => [
      on === 0 ? 'none' : `${on}${on === deviceStages ? ' (default)' : ''}`,
      formatPercent(offloadShare),
      activation ? formatShape(activation.shape) : '–',
      activation?.encoding ?? '–',
      activation ? size(activation.bytes) : '–',
      sentInputName(sent),
      size(sent.bytes),
    ]),
  );
  const smaller = boundaries.filter(
    ({ activation, input: sent }) => activation && sent.bytes < activation.bytes,
  );
  return [
    `bundle   ${readableText(name)} (${shortDigest(digest)}), ${stages.length} stages, ${deviceStages} on the device by default; ${formatCount(backbone.macs)} MACs`,
    `${word.padEnd(8)} ${[`${formatShape(input.shape)}`, ...everyForm(manifest)].join(', ')}`,
    '',
    table,
    ...(smaller.length === 0
      ? []
      : [
          '',
          `With ${smaller.map(({ deviceStages: on }) => on).join(', ')} on the device the ${word} is smaller than the activation: \`offramp agent --send-input\` sends it.`,
        ]),
  ].join('\n');
}

/** What the picture of every sample takes, in all forms that the bundle knows. */
function everyForm({ stages }: Manifest): string[] {
  return (stages[0]?.pictures ?? []).map(({ meanBytes: bytes, ...picture }) => {
    const quality = 'quality' in picture ? { quality: picture.quality } : {};
    return `${sentInputName({ form: picture.form, bytes, ...quality })} ${formatBytes(Math.round(bytes))}`;
  });
}
