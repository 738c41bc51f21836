export { readTrust, type Trust } from '../identity/tls-credentials.js';
export { decoded } from './decoded.js';
export { findNatsServer, type NatsServer, startNatsServer } from './nats-server.js';
export { recordedMessages } from './recorded-messages.js';
export { TestAuthority, type TestCertificate } from './test-authority.js';
