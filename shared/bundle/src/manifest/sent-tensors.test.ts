import { expect, it } from 'vitest';
import { sampleBundle } from '../testing/sample-bundle.js';
import type { Manifest, PictureCodecManifest } from './manifest.js';
import { sentActivation, sentInputName, smallestInput, usualInput } from './sent-tensors.js';

const loss = { agreement: 1, agreementLost: 0 };
const jpeg: PictureCodecManifest = { form: 'jpeg', quality: 90, meanBytes: 12, ...loss };
const webp: PictureCodecManifest = { form: 'webp-lossless', meanBytes: 10, ...loss };

function manifestWith(first: PictureCodecManifest[], second: PictureCodecManifest[] = []): Manifest {
  const { stages, ...rest } = sampleBundle() as unknown as Manifest;
  const pictures = [first, second];
  return {
    ...rest,
    stages: stages.map((stage, i) => (pictures[i]?.length ? { ...stage, pictures: pictures[i] } : stage)),
  };
}

it('is the smallest form at a boundary, and JPEG as the usual one', () => {
  const manifest = manifestWith([webp, jpeg], [jpeg]);
  expect(smallestInput(manifest, 0)).toEqual({ form: 'webp-lossless', bytes: 10 });
  expect(smallestInput(manifest, 1)).toEqual({ form: 'jpeg', quality: 90, bytes: 12 });
  expect(usualInput(manifest)).toEqual({ form: 'jpeg', quality: 90, bytes: 12 });
  expect(sentInputName(usualInput(manifest))).toBe('jpeg 90');
});

it('is the smallest form where no JPEG is within the allowed loss, and raw where nothing is known', () => {
  expect(usualInput(manifestWith([webp]))).toEqual({ form: 'webp-lossless', bytes: 10 });
  expect(usualInput(manifestWith([]))).toEqual({ form: 'uint8', bytes: 16 });
  const input = { kind: 'tensor' as const, shape: [1, 4, 4] };
  expect(usualInput({ ...manifestWith([]), input })).toEqual({ form: 'float32', bytes: 64 });
});

it('is what calibration chose for the activation, and float32 without a choice', () => {
  const manifest = manifestWith([]);
  const codec = { encoding: 'int8', meanBytes: 5, ...loss } as const;
  const [first, second, ...rest] = manifest.stages as [
    Manifest['stages'][number],
    Manifest['stages'][number],
  ];
  expect(sentActivation(manifest, 1)).toEqual({ encoding: 'float32', bytes: 32 });
  const quantised = { ...manifest, stages: [{ ...first, codec }, second, ...rest] };
  expect(sentActivation(quantised, 1)).toEqual({ encoding: 'int8', bytes: 5 });
});
