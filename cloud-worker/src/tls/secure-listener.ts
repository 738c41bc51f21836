import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import { formatIdentity, type Identity, Peer } from '@offramp/contracts';
import type { Clock, ListenAddress, LiveFiles, Logger } from '@offramp/runtime';
import { type RefusalReason, Refusals } from './refusals.js';
import type { WorkerCredentials } from './worker-tls.js';

/** Time for a handshake, in milliseconds, and how many may be in progress. */
const handshakeTimeoutMs = 10_000;
const maxHandshakes = 256;
/** Connections of one party: more than it leaves behind by restarts before keepalive ends them. */
const maxConnectionsPerParty = 32;
/** Time between two looks for connections whose certificate has expired or was revoked. */
const lookEveryMs = 1_000;

/**
 * Accepts connections over TLS 1.3. Where clients must show who they are, it passes on only those of this fleet, and
 * ends a connection whose certificate expires or is revoked.
 *
 * Sessions are never resumed, because a resumed one would skip the verification of the certificate.
 */
export class SecureListener {
  readonly refusals: Refusals;
  private readonly server: Server;
  private readonly open = new Set<Socket>();
  private readonly secured = new Set<TLSSocket>();
  private readonly peers = new Map<TLSSocket, Peer>();
  /** Numbers of connections by SPIFFE ID. */
  private readonly connections = new Map<string, number>();
  private cancelLook: () => void = () => undefined;

  /** @param onConnection gets each connection that is accepted, once */
  constructor(
    private readonly credentials: LiveFiles<WorkerCredentials>,
    private readonly onConnection: (socket: TLSSocket) => void,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.refusals = new Refusals(logger);
    this.server = createServer({
      ...contextOf(credentials.value),
      ALPNProtocols: ['h2'],
      requestCert: credentials.value.mutual !== null,
      rejectUnauthorized: false, // `admit` does, which can say why.
      handshakeTimeout: handshakeTimeoutMs,
    });
    this.server.on('connection', (socket) => this.bound(socket));
    this.server.on('secureConnection', (socket) => this.admit(socket));
    this.server.on('tlsClientError', (error, socket) => {
      this.refuse(socket, 'handshake', { problem: error.message });
    });
    credentials.listen((changed) => this.server.setSecureContext(contextOf(changed)));
    this.look();
  }

  /** @returns the port, or `null` for a Unix socket */
  async listen(address: ListenAddress): Promise<number | null> {
    const target = 'socketPath' in address ? { path: address.socketPath } : address;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(target, () => {
        this.server.removeListener('error', reject);
        resolve();
      });
    });
    const bound = this.server.address();
    return bound !== null && typeof bound === 'object' ? bound.port : null;
  }

  /** Accepts no more connections. Those that were accepted stay. */
  stopListening(): void {
    this.server.close();
  }

  /** Ends every connection. */
  close(): void {
    this.cancelLook();
    this.server.close();
    for (const socket of this.open) socket.destroy();
  }

  private bound(socket: Socket): void {
    if (this.open.size - this.secured.size >= maxHandshakes) {
      socket.destroy();
      return;
    }
    this.open.add(socket);
    socket.once('close', () => this.open.delete(socket));
  }

  private admit(socket: TLSSocket): void {
    socket.on('error', (error) => this.logger.debug({ problem: error.message }, 'a connection broke'));
    this.secured.add(socket);
    socket.once('close', () => this.secured.delete(socket));
    const { mutual } = this.credentials.value;
    if (socket.alpnProtocol !== 'h2') {
      this.refuse(socket, 'handshake', { problem: 'the client does not ask for HTTP/2' });
      return;
    }
    if (mutual) {
      const certificate = socket.getPeerCertificate(true);
      if (!certificate?.raw) {
        this.refuse(socket, 'no-certificate');
        return;
      }
      const peer = new Peer(certificate, mutual.trust.pem);
      if (!socket.authorized) {
        const problem = String(socket.authorizationError);
        this.refuse(socket, problem === 'CERT_HAS_EXPIRED' ? 'expired' : 'untrusted', { problem }, peer);
        return;
      }
      const reason = peer.problem(mutual.trust, Date.now()) ?? this.refusalOf(peer, mutual.identity);
      if (reason) {
        this.refuse(socket, reason, {}, peer);
        return;
      }
      this.keep(socket, peer);
    }
    this.onConnection(socket);
  }

  private keep(socket: TLSSocket, peer: Peer): void {
    const party = nameOf(socket, peer);
    this.refusals.accept(party);
    this.peers.set(socket, peer);
    this.connections.set(party, (this.connections.get(party) ?? 0) + 1);
    socket.once('close', () => {
      this.peers.delete(socket);
      const left = (this.connections.get(party) ?? 0) - 1;
      if (left > 0) this.connections.set(party, left);
      else this.connections.delete(party);
    });
  }

  private refusalOf({ identity }: Peer, own: Identity): RefusalReason | null {
    if (!identity || !mayConnect(identity, own)) return 'identity';
    const connections = this.connections.get(formatIdentity(identity)) ?? 0;
    return connections < maxConnectionsPerParty ? null : 'connections';
  }

  private refuse(socket: TLSSocket, reason: RefusalReason, details: object = {}, peer?: Peer): void {
    this.refusals.refuse(nameOf(socket, peer), reason, details, 'connection refused');
    socket.destroy();
  }

  /** Ends connections whose certificate is no longer good. */
  private look(): void {
    const { value } = this.credentials;
    const now = Date.now();
    for (const [socket, peer] of value.mutual ? this.peers : []) {
      const reason = value.mutual && peer.problem(value.mutual.trust, now);
      if (!reason) continue;
      this.refusals.refuse(nameOf(socket, peer), reason, {}, 'connection ended');
      socket.destroy();
    }
    this.cancelLook = this.clock.after(lookEveryMs, () => this.look());
  }
}

function contextOf({ own, mutual }: WorkerCredentials): SecureContextOptions {
  return {
    cert: own.chain,
    key: own.key,
    ...(mutual ? { ca: mutual.trust.pem } : {}),
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** Every party of the worker's fleet but other workers; the worker itself asks for its health. */
const mayConnect = (identity: Identity, own: Identity) =>
  identity.fleet === own.fleet && (identity.role !== 'worker' || identity.name === own.name);

const nameOf = (socket: TLSSocket, peer?: Peer) =>
  peer?.identity ? formatIdentity(peer.identity) : (socket.remoteAddress ?? 'unknown');
