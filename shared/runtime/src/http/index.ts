export { type HostGuard, hostGuard } from './host-guard.js';
export { createHttpServer, type HttpServerOptions, listenHttp, sendError } from './http-server.js';
