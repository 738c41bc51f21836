import { credentials, Metadata, makeClientConstructor } from '@grpc/grpc-js';
import {
  type Bundle,
  type ClassifyResponse,
  encodeTensor,
  float32,
  messageOf,
  OfframpError,
  offloadService,
  openDataset,
  pictureChannels,
  preprocess,
} from '@offramp/shared';
import { picturesPath } from './paths.js';

const callsInFlight = 32;

export interface BackboneAnswer {
  labelIndex: number;
  /** Whether it is the true label. */
  correct: boolean;
}

/**
 * What the whole backbone says of every picture: the worker's `Classify`, which passes every exit over.
 * @param signal ends it early
 * @returns by the picture's name; not all of them after an abort
 */
export async function backboneAnswers(
  bundle: Bundle,
  workerAddress: string,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<Map<string, BackboneAnswer>> {
  const { input } = bundle.manifest;
  const dataset = await openDataset(picturesPath, { split: 'test', channels: pictureChannels(input) });
  const Client = makeClientConstructor(offloadService, 'offramp.v1.Offload');
  const client = new Client(workerAddress, credentials.createInsecure());
  const answers = new Map<string, BackboneAnswer>();
  let next = 0;
  const caller = async () => {
    while (next < dataset.size && !signal.aborted) {
      const sample = await dataset.read(next++);
      const tensor = encodeTensor(float32, input.shape, await preprocess(sample.picture, input));
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
      answers.set(sample.name, { labelIndex, correct: labelIndex === sample.label });
      onProgress(answers.size, dataset.size);
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
