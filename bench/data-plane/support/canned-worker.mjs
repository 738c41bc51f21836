// `node canned-worker.mjs ADDRESS ANSWER`: a worker that gives every sample the same answer, at once.
import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';
import { encodingsHeader, formatEncodings } from '@offramp/bundle';
import { offloadService } from '@offramp/contracts';

const [, , address, text] = process.argv;
const answer = JSON.parse(text);
answer.bundleDigest = Buffer.from(answer.bundleDigest, 'hex');
const server = new Server();
server.addService(offloadService, {
  Resume: (stream) => {
    const greeting = new Metadata();
    greeting.set(encodingsHeader, formatEncodings());
    stream.sendMetadata(greeting);
    stream.on('data', ({ sampleId }) => stream.write({ sampleId, answer }));
    stream.on('error', () => undefined);
    stream.on('end', () => stream.end());
  },
  Classify: (_, done) => done(null, { answer }),
});
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
  console.log('listening');
});
