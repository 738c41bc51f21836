export { type CertificateTerms, hostsOf, Issuer, type RevokedCertificate } from './issuer.js';
export { createKey, createRequest, readRequest } from './keys.js';
