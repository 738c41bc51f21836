import type { ServiceDefinition } from '@grpc/grpc-js';
import { messageOf } from '@offramp/runtime';
import type { Decoded, MessageInit, MessageType } from './message-types.js';
import { v1 } from './messages.js';

/** Bytes that are not the message they should be. Handed to the handler, so that it can answer with a clear status. */
export class MalformedMessage {
  constructor(readonly reason: string) {}
}

const serialize =
  <M>(type: MessageType<M>) =>
  (message: MessageInit<M>): Buffer => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };

const deserialize =
  <M>(type: MessageType<M>) =>
  (bytes: Buffer): Decoded<M> =>
    type.decode(bytes);

const deserializeOrMalformed =
  <M>(type: MessageType<M>) =>
  (bytes: Buffer): Decoded<M> | MalformedMessage => {
    try {
      return type.decode(bytes);
    } catch (error) {
      return new MalformedMessage(messageOf(error));
    }
  };

export const offloadServiceName = 'offramp.v1.Offload';

/** `service Offload` of `proto/offramp/v1/offload.proto`, for `@grpc/grpc-js`. */
export const offloadService = {
  Resume: {
    path: `/${offloadServiceName}/Resume`,
    originalName: 'resume',
    requestStream: true,
    responseStream: true,
    requestSerialize: serialize(v1.ResumeRequest),
    requestDeserialize: deserializeOrMalformed(v1.ResumeRequest),
    responseSerialize: serialize(v1.ResumeResponse),
    responseDeserialize: deserialize(v1.ResumeResponse),
  },
  Classify: {
    path: `/${offloadServiceName}/Classify`,
    originalName: 'classify',
    requestStream: false,
    responseStream: false,
    requestSerialize: serialize(v1.ClassifyRequest),
    requestDeserialize: deserializeOrMalformed(v1.ClassifyRequest),
    responseSerialize: serialize(v1.ClassifyResponse),
    responseDeserialize: deserialize(v1.ClassifyResponse),
  },
} satisfies ServiceDefinition;
