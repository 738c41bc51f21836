import { credentials, Metadata, makeClientConstructor } from '@grpc/grpc-js';
import { type Bundle, encodeTensor, float32 } from '@offramp/bundle';
import { type ClassifyResponse, offloadService } from '@offramp/contracts';
import { openDataset, type PictureDataset, pictureChannels, preprocess } from '@offramp/data';
import { messageOf, OfframpError } from '@offramp/runtime';
import { type Scene, split } from './scene.js';

const callsInFlight = 32;

export interface BackboneAnswer {
  labelIndex: number;
  /** Whether it is the true label. */
  correct: boolean;
  /** Whether the picture was taken at dusk. */
  dusk: boolean;
}

/**
 * The whole backbone's answer for every picture of a scene, from the worker's `Classify`, which takes no early exits.
 * @param signal aborts it
 * @returns answers by picture name; incomplete after an abort
 */
export async function backboneAnswers(
  bundle: Bundle,
  scene: Scene,
  workerAddress: string,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Map<string, BackboneAnswer>> {
  const { input } = bundle.manifest;
  const options = { split, channels: pictureChannels(input) };
  const datasets = await Promise.all(scene.cameras.map(({ path }) => openDataset(path, options)));
  const Client = makeClientConstructor(offloadService, 'offramp.v1.Offload');
  const client = new Client(workerAddress, credentials.createInsecure());
  const answers = new Map<string, BackboneAnswer>();
  const pictures = picturesOf(datasets);
  const caller = async () => {
    for (const { dataset, index } of pictures) {
      if (signal.aborted) return;
      const sample = await dataset.read(index);
      const tensor = encodeTensor(float32, { shape: input.shape }, await preprocess(sample.picture, input));
      const request = { bundleDigest: bundle.digestBytes, tensor };
      const response = await new Promise<ClassifyResponse>((resolve, reject) => {
        client.makeUnaryRequest(
          offloadService.Classify.path,
          offloadService.Classify.requestSerialize,
          offloadService.Classify.responseDeserialize,
          request,
          new Metadata(),
          (error, value) => (error || !value ? reject(error) : resolve(value)),
        );
      });
      const labelIndex = response.answer?.label ?? 0;
      const dusk = index >= scene.duskFrom;
      answers.set(sample.name, { labelIndex, correct: labelIndex === sample.label, dusk });
      onProgress(answers.size, scene.pictures);
    }
  };
  try {
    await Promise.all(Array.from({ length: callsInFlight }, caller));
  } catch (cause) {
    throw new OfframpError('CLOUD_UNAVAILABLE', `the worker does not classify: ${messageOf(cause)}`, {
      cause,
    });
  } finally {
    client.close();
  }
  return answers;
}

/** Shared by all callers, each of which takes the next picture. */
function* picturesOf(
  datasets: readonly PictureDataset[],
): Generator<{ dataset: PictureDataset; index: number }> {
  for (const dataset of datasets) {
    for (let index = 0; index < dataset.size; index++) yield { dataset, index };
  }
}
