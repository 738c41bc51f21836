import { elementsOf, type Manifest } from '@offramp/bundle';
import { Encoding, offloadService } from '@offramp/contracts';

/** What one offload is on the wire, framing of gRPC and HTTP/2 included. */
export interface OffloadBytes {
  /** Per stage: the request of a sample that stands before it. */
  request: number[];
  answer: number;
}

/** gRPC's prefix of a message, and the header of an HTTP/2 frame. */
const framingBytes = 5 + 9;
/** Payload of an HTTP/2 frame, unless negotiated otherwise. */
const frameBytes = 16_384;
const digest = new Uint8Array(32);
const bytesPerFloat32 = 4;

/** @param manifest of the bundle whose samples are offloaded */
export function offloadBytes(manifest: Manifest): OffloadBytes {
  const { Resume } = offloadService;
  const thresholds = [...manifest.policy.thresholds];
  return {
    request: manifest.stages.map(({ inputShape }, stage) => {
      const header = Resume.requestSerialize({
        sampleId: 2 ** 20,
        bundleDigest: digest,
        stage,
        tensor: { shape: inputShape, encoding: Encoding.ENCODING_FLOAT32, data: new Uint8Array(128) },
        thresholds,
        policyVersion: 100,
        deadlineMs: 500,
      });
      return framed(header.length - 128 + payloadBytes(manifest, stage));
    }),
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

/** Of the tensor alone, as a device writes it that stops before this stage; of a picture the 8-bit samples. */
function payloadBytes(manifest: Manifest, stage: number): number {
  const elements = elementsOf(manifest.stages[stage]?.inputShape ?? []);
  if (stage === 0 && manifest.input.kind !== 'tensor') return elements;
  const { learned, codec } = manifest.stages[stage - 1] ?? {};
  return (learned ?? codec)?.meanBytes ?? elements * bytesPerFloat32;
}

const framed = (bytes: number) => bytes + framingBytes + 9 * Math.floor(bytes / frameBytes);
