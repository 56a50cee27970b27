import {once} from 'node:events';
import {createServer} from 'node:net';
import type {AddressInfo, Server, Socket} from 'node:net';
import {createServer as createTlsServer} from 'node:tls';
import type {Server as TlsServer} from 'node:tls';

import type {Certificate} from '../../../core/certificate-file.ts';
import type {Endpoint} from '../../../stun/endpoint.ts';
import {endpointOf} from '../endpoint-cache.ts';
import type {EndpointCache} from '../endpoint-cache.ts';
import type {ListenOptions} from '../engine.ts';
import type {ConnectionLimits} from './connection-limits.ts';
import type {StreamCounters, StreamEvents, StreamLimits} from './stream-options.ts';
import {StreamPath} from './stream-path.ts';

/** RFC 7443 section 4 */
const ALPN_PROTOCOLS = ['stun.turn', 'stun.nat-discovery'];
/** A client that vanished without a word is noticed even while it holds an allocation. */
const KEEP_ALIVE_DELAY_MS = 60_000;
/** Connections that wait to be accepted. */
const BACKLOG = 511;

export interface StreamListenerOptions {
  events: StreamEvents;
  endpoints: EndpointCache;
  now: () => number;
  limits: StreamLimits;
  /** Shared by the listeners of a worker, like `counters`. */
  admission: ConnectionLimits;
  counters: StreamCounters;
  /** Makes it a listener for TLS. */
  certificate?: Certificate;
}

/** A TCP or TLS port that clients connect to. */
export class StreamListener {
  readonly transport: 'tcp' | 'tls';
  readonly #options: StreamListenerOptions;
  readonly #server: Server;
  readonly #tls: TlsServer | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #paths = new Set<StreamPath>();

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    this.transport = options.certificate === undefined ? 'tcp' : 'tls';
    this.#tls = options.certificate === undefined ? undefined : this.#createTls(options.certificate);
    this.#server = createServer({noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS});
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /** Rejects with the error of the system. */
  async listen({family, address, port, reusePort}: ListenOptions): Promise<Endpoint> {
    this.#server.listen({
      host: address,
      port,
      ipv6Only: family === 6,
      reusePort,
      exclusive: true,
      backlog: BACKLOG,
    });
    await once(this.#server, 'listening');
    // A connection that couldn't be accepted (no descriptors left) is not the end of the others.
    this.#server.on('error', () => (this.#options.counters.refused += 1));
    const bound = this.#server.address() as AddressInfo;
    return endpointOf(bound.address, bound.port);
  }

  /** For connections from now on. Throws where certificate and key don't go together. */
  setCertificate(certificate: Certificate): void {
    this.#tls?.setSecureContext({...certificate, minVersion: 'TLSv1.2'});
  }

  /** Closes connections without an allocation on which nothing whole came for too long. */
  sweep(nowMs: number): void {
    for (const path of this.#paths) {
      if (!path.overdue(nowMs)) continue;
      this.#options.counters.overdue += 1;
      path.close();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #createTls(certificate: Certificate): TlsServer {
    const server = createTlsServer({
      ...certificate,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ALPN_PROTOCOLS,
      handshakeTimeout: this.#options.limits.firstMessageMs,
    });
    server.on('secureConnection', (socket) => this.#open(socket, 'tls'));
    server.on('tlsClientError', (_error, socket) => {
      this.#options.counters.handshakesFailed += 1;
      socket.destroy();
    });
    return server;
  }

  #accept(socket: Socket): void {
    const {counters, admission, endpoints, now} = this.#options;
    socket.on('error', () => undefined);
    const {remoteAddress, remotePort} = socket;
    const remote = remoteAddress === undefined ? undefined : endpoints.fromText(remoteAddress, remotePort ?? 0);
    const release = remote === undefined ? undefined : admission.admit(remote, now());
    if (release === undefined) {
      counters.refused += 1;
      socket.destroy();
      return;
    }
    counters.accepted += 1;
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      release();
    });
    if (this.#tls === undefined) this.#open(socket, 'tcp');
    else this.#tls.emit('connection', socket);
  }

  #open(socket: Socket, transport: 'tcp' | 'tls'): void {
    const {localAddress, localPort, remoteAddress, remotePort} = socket;
    if (localAddress === undefined || remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const {events, endpoints, limits, counters, now} = this.#options;
    const path = new StreamPath({
      socket,
      transport,
      local: endpoints.fromText(localAddress, localPort ?? 0),
      remote: endpoints.fromText(remoteAddress, remotePort ?? 0),
      limits,
      counters,
      now,
      events: {
        fromClient: events.fromClient,
        closed: () => {
          this.#paths.delete(path);
          events.closed(path);
        },
      },
    });
    this.#paths.add(path);
  }
}
