import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProto } from 'grpc-health-check';

// From `dist/` as from `src/`, two folders up is the repository, whose layout a container image keeps.
const protoFolder = fileURLToPath(new URL('../../proto', import.meta.url));

/** Lets tools such as grpcurl ask the server what it serves (reflection v1 and v1alpha). */
export async function addReflection(server: Server): Promise<void> {
  const definition = await load(['offramp/v1/offload.proto', healthProto], { includeDirs: [protoFolder] });
  new ReflectionService(definition).addToServer(server);
}
