import type { ServiceDefinition } from '@grpc/grpc-js';
import type { Writer } from 'protobufjs';
import { messageOf } from '../errors.js';
import {
  type ClassifyRequest,
  type ClassifyResponse,
  type ResumeRequest,
  type ResumeResponse,
  v1,
} from './messages.js';

/** Bytes that are not the message they should be. Handed to the handler, so that it can answer with a clear status. */
export class MalformedMessage {
  constructor(readonly reason: string) {}
}

interface MessageType<T, D> {
  encode(message: T): Writer;
  decode(bytes: Uint8Array): D;
}

const serialize =
  <T, D>(type: MessageType<T, D>) =>
  (message: T): Buffer => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };

const deserialize =
  <T, D>(type: MessageType<T, D>) =>
  (bytes: Buffer): D =>
    type.decode(bytes);

const deserializeOrMalformed =
  <T, D>(type: MessageType<T, D>) =>
  (bytes: Buffer): D | MalformedMessage => {
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
    requestSerialize: serialize<ResumeRequest, ResumeRequest>(v1.ResumeRequest),
    requestDeserialize: deserializeOrMalformed<ResumeRequest, ResumeRequest>(v1.ResumeRequest),
    responseSerialize: serialize<ResumeResponse, ResumeResponse>(v1.ResumeResponse),
    responseDeserialize: deserialize<ResumeResponse, ResumeResponse>(v1.ResumeResponse),
  },
  Classify: {
    path: `/${offloadServiceName}/Classify`,
    originalName: 'classify',
    requestStream: false,
    responseStream: false,
    requestSerialize: serialize<ClassifyRequest, ClassifyRequest>(v1.ClassifyRequest),
    requestDeserialize: deserializeOrMalformed<ClassifyRequest, ClassifyRequest>(v1.ClassifyRequest),
    responseSerialize: serialize<ClassifyResponse, ClassifyResponse>(v1.ClassifyResponse),
    responseDeserialize: deserialize<ClassifyResponse, ClassifyResponse>(v1.ClassifyResponse),
  },
} satisfies ServiceDefinition;
