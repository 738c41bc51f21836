import { type Bundle, elementsOf, InferencePool, type PictureCodecManifest } from '@offramp/bundle';
import type { Dataset, Packing } from '@offramp/data';
import { batchSizeOf, type ChooseCodecsOptions, defaultAllowedLoss, defaultLimit } from './choose-codecs.js';
import { CodecTally, lossOf } from './codec-tally.js';
import { losslessPackings, lossyLadders } from './picture-candidates.js';
import { type PictureBoundary, PictureTrial } from './picture-trial.js';

/** Pictures to measure the bytes of a packing without loss on, for each boundary: fewer of large pictures. */
const sizeTrial = { fewest: 50, most: 500, elements: 2 ** 24 };

/** Pictures that run together at most: a packing that loses too many answers is given up after the batch that shows it. */
const mostTogether = 32;

/**
 * Finds for every stage the smallest packing of each form, within the allowed loss, with which a device that stops before
 * that stage can send the picture itself: pictures that the bundle's thresholds offload there are packed, unpacked and run
 * through the cascade again, the exits on the device left out.
 * @param dataset pictures that no part of the bundle was trained on
 * @returns one list per stage, the fewest bytes first; `undefined` for a model that takes no grey or RGB pictures
 * @throws OfframpError `INTERRUPTED`, `DATA_INVALID`, `IMAGE_INVALID`, `BUNDLE_CORRUPT`, `INFERENCE_FAILED`
 */
export async function choosePictures(
  bundle: Bundle,
  dataset: Dataset,
  options: ChooseCodecsOptions,
): Promise<(PictureCodecManifest[] | undefined)[]> {
  const { progress, threads = 1, allowedLoss = defaultAllowedLoss, signal } = options;
  const { input, stages } = bundle.manifest;
  if (input.kind === 'tensor' || (input.shape[0] !== 1 && input.shape[0] !== 3)) {
    return stages.map(() => undefined);
  }
  const samples = Math.min(dataset.size, options.limit ?? defaultLimit);
  const allowedLost = Math.floor(samples * allowedLoss + 1e-9);
  progress.step('packing pictures', (1 + packingForms) * samples);
  const batchSize = Math.min(options.batchSize ?? mostTogether, batchSizeOf(bundle), mostTogether);
  const pool = await InferencePool.create(bundle, { threads });
  try {
    const trial = await PictureTrial.create({ bundle, pool, dataset, input, samples, batchSize, signal });
    progress.advance(samples);
    const onForm = () => progress.advance(samples);
    const found = await smallestPackings(trial, trial.boundaries, { allowedLost, onForm });
    return trial.boundaries.map((boundary) => found.get(boundary));
  } finally {
    await pool.close();
  }
}

const packingForms = losslessPackings.length + lossyLadders.length;

/**
 * The smallest packing of each form for each boundary, the fewest bytes first.
 * @param allowedLost pictures of a trial that a packing may lose
 * @param onForm called once a form has been tried
 */
export async function smallestPackings(
  trial: PictureTrial,
  boundaries: readonly PictureBoundary[],
  { allowedLost, onForm }: { allowedLost: number; onForm: () => void },
): Promise<Map<PictureBoundary, PictureCodecManifest[]>> {
  const found = new Map(
    boundaries.map((boundary): [PictureBoundary, PictureCodecManifest[]] => [boundary, []]),
  );
  const add = (packing: Packing, boundary: PictureBoundary, tally: CodecTally<Packing>) => {
    const { agreedBefore } = boundary;
    const loss = lossOf(tally, { samples: trial.samples, agreedBefore });
    found.get(boundary)?.push({ ...packing, ...loss } as PictureCodecManifest);
  };
  for (const packing of losslessPackings) {
    await measureLossless(trial, boundaries, packing, (boundary, tally) => add(packing, boundary, tally));
    onForm();
  }
  for (const ladder of lossyLadders) {
    let open = boundaries;
    for (const packing of ladder) {
      if (open.length === 0) break;
      const tallies = await trial.run(packing, open, allowedLost);
      for (const [boundary, tally] of tallies) add(packing, boundary, tally);
      open = open.filter((boundary) => !tallies.has(boundary));
    }
    onForm();
  }
  for (const list of found.values()) list.sort((a, b) => a.meanBytes - b.meanBytes);
  return found;
}

/** Its bytes on some pictures of each boundary; its answers are those of the whole pictures. */
async function measureLossless(
  trial: PictureTrial,
  boundaries: readonly PictureBoundary[],
  packing: Packing,
  add: (boundary: PictureBoundary, tally: CodecTally<Packing>) => void,
): Promise<void> {
  const { fewest, most, elements } = sizeTrial;
  const wanted = Math.max(fewest, Math.min(most, Math.floor(elements / elementsOf(trial.input.shape))));
  const known = new Map<number, number>();
  for (const boundary of boundaries) {
    const { members } = boundary;
    const step = Math.max(1, Math.floor(members.length / wanted));
    const chosen = members.filter((_, i) => i % step === 0);
    const missing = chosen.filter((index) => !known.has(index));
    const packed = await trial.pack(packing, missing);
    missing.forEach((index, i) => {
      known.set(index, packed[i]?.byteLength ?? 0);
    });
    const bytes =
      chosen.reduce((sum, index) => sum + (known.get(index) ?? 0), 0) / Math.max(1, chosen.length);
    const tally = new CodecTally(packing);
    for (const index of members) {
      const agrees = trial.agreesExactly(index, boundary.stage);
      tally.count(bytes, agrees, agrees);
    }
    add(boundary, tally);
  }
}
