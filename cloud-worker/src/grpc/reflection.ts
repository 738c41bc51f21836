import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import { load } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProto } from 'grpc-health-check';

// Two folders up from both `dist/` and `src/` is the package; images keep the repository's layout.
const protoFolder = fileURLToPath(new URL('../../../proto', import.meta.url));

/** Adds reflection v1 and v1alpha for tools such as grpcurl. */
export async function addReflection(server: Server): Promise<void> {
  const definition = await load(['offramp/v1/offload.proto', healthProto], { includeDirs: [protoFolder] });
  new ReflectionService(definition).addToServer(server);
}
