import { describeError, type ErrorCode, errorCodes } from '@offramp/runtime';

const introduction = `# Errors

Generated from the error catalogue in \`shared/runtime/src/errors/catalogue.ts\` by \`npm run docs\`; a test compares.

A code never changes its meaning. The command line prints \`error [CODE]: message\` to standard error and ends
with the exit status; the HTTP APIs answer with the HTTP status and \`{"error": {"code", "message"}}\`; a worker
refuses a sample or a call with the gRPC status. A request that the HTTP server itself rejects keeps the status
that the server chose, such as 413 or 415.

| code | meaning | what to do | HTTP | gRPC | exit |
|---|---|---|---|---|---|
`;

/** Every error code with its meaning and statuses, as Markdown. */
export function errorReference(): string {
  return introduction + errorCodes.map(row).join('');
}

function row(code: ErrorCode): string {
  const { meaning, action, httpStatus, grpcStatus, exitStatus } = describeError(code);
  return `| \`${code}\` | ${meaning} | ${action} | ${httpStatus} | \`${grpcStatus}\` | ${exitStatus} |\n`;
}
