import { Encoding, offloadService } from '@offramp/contracts';
import type { Manifest } from '../manifest/manifest.js';
import { sentActivation, smallestInput } from '../manifest/sent-tensors.js';

/** What one offload is on the wire, framing of gRPC and HTTP/2 included. */
export interface OffloadBytes {
  /** Per stage: the request of a sample that stands before it. The first has the input. */
  request: number[];
  /** The same with the input, as a device sends it that stops before this stage. */
  inputRequest: number[];
  answer: number;
}

/** gRPC's prefix of a message, and the header of an HTTP/2 frame. */
const framingBytes = 5 + 9;
/** Payload of an HTTP/2 frame, unless negotiated otherwise. */
const frameBytes = 16_384;
const digest = new Uint8Array(32);

/** @param manifest of the bundle whose samples are offloaded */
export function offloadBytes(manifest: Manifest): OffloadBytes {
  const { Resume } = offloadService;
  const thresholds = [...manifest.policy.thresholds];
  const requestOf = (stage: number, shape: readonly number[], bytes: number) => {
    const tensor = {
      shape: [...shape],
      encoding: Encoding.ENCODING_FLOAT32,
      data: new Uint8Array(128),
    };
    const header = Resume.requestSerialize({
      sampleId: 2 ** 20,
      bundleDigest: digest,
      stage,
      tensor,
      thresholds,
      policyVersion: 100,
      deadlineMs: 500,
    });
    return framed(header.length - 128 + bytes);
  };
  const { input, stages } = manifest;
  const inputRequest = stages.map((_, stage) =>
    requestOf(0, input.shape, smallestInput(manifest, stage).bytes),
  );
  return {
    request: stages.map(({ inputShape }, stage) =>
      stage === 0
        ? (inputRequest[0] as number)
        : requestOf(stage, inputShape, sentActivation(manifest, stage).bytes),
    ),
    inputRequest,
    answer: framed(
      Resume.responseSerialize({
        sampleId: 2 ** 20,
        answer: {
          label: 1,
          confidence: 0.5,
          exit: manifest.stages.length - 1,
          policyVersion: 100,
          bundleDigest: digest,
          queueUs: 10_000,
          computeUs: 10_000,
          passed: manifest.stages.slice(1).map((_, exit) => ({ exit, label: 1, confidence: 0.5 })),
        },
      }).length,
    ),
  };
}

const framed = (bytes: number) => bytes + framingBytes + 9 * Math.floor(bytes / frameBytes);
