import {createServer} from 'node:http';
import type {IncomingMessage, Server, ServerResponse} from 'node:http';
import {createServer as createTlsServer} from 'node:https';
import type {Server as TlsServer} from 'node:https';
import {isIPv6} from 'node:net';
import type {AddressInfo, Socket} from 'node:net';
import type {Duplex} from 'node:stream';

import type {Certificate} from '../core/certificate-file.ts';
import {CidrSet} from '../core/ip-address.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import type {Logger} from '../observability/logger.ts';
import {splitUrl} from '../service/http-request.ts';
import {explainListenError} from '../service/listen-errors.ts';
import type {SignalExchange} from './exchange.ts';
import {sendFailure, sendJson} from './http-messages.ts';
import {Origins} from './origins.ts';
import {PollFace} from './poll-face.ts';
import {SIGNAL_PATH} from './protocol.ts';
import {addressOf, bytesOf, sourceOf} from './source.ts';
import {WebSocketFace} from './ws-face.ts';

/** A browser's headers with its cookies are a few kilobytes. */
const HEADER_LIMIT_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
const CHECK_INTERVAL_MS = 1_000;
const KEEP_ALIVE_MS = 30_000;
/** Longer than a poll waits. Node's own time limits begin with the first byte, so that silence needs one too. */
const SILENCE_MS = 40_000;
/** Beside those that have joined: requests under way, and those who come and go. */
const SPARE_CONNECTIONS = 512;
/** A client that polls has one connection for it and one for what it posts. */
const SOCKETS_PER_CLIENT = 2;
/** For answers under way. */
const CLOSE_GRACE_MS = 500;
const CLOSE_CHECK_MS = 10;

export interface SignalServerOptions {
  host: string;
  port: number;
  /** Web pages that may come, by origin; `*` for all. Clients that are no browsers send no origin. */
  origins: readonly string[];
  /** Proxies in front of us, whose X-Forwarded-For counts, as CIDR blocks. */
  trustedProxies: readonly string[];
  certificate?: Certificate | undefined;
}

/** One port for WebSocket and HTTP post and poll, with TLS or without. */
export class SignalServer {
  readonly #exchange: SignalExchange;
  readonly #options: SignalServerOptions;
  readonly #log: Logger;
  readonly #origins: Origins;
  readonly #proxies: CidrSet;
  readonly #server: Server | TlsServer;
  readonly #sockets: WebSocketFace;
  readonly #polls: PollFace;
  readonly #perAddress = new Map<string, number>();
  /** Those in a TLS handshake too, of which the HTTP server does not know yet. */
  readonly #open = new Set<Socket>();

  static async create(exchange: SignalExchange, options: SignalServerOptions, log: Logger): Promise<SignalServer> {
    return new SignalServer(exchange, options, log, await WebSocketFace.create(exchange));
  }

  private constructor(exchange: SignalExchange, options: SignalServerOptions, log: Logger, sockets: WebSocketFace) {
    this.#exchange = exchange;
    this.#options = options;
    this.#log = log;
    this.#origins = new Origins(options.origins, exchange.audiences);
    this.#proxies = new CidrSet(options.trustedProxies);
    this.#sockets = sockets;
    this.#polls = new PollFace(exchange);
    const http = {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    };
    const {certificate} = options;
    this.#server =
      certificate === undefined
        ? createServer(http)
        : createTlsServer({...http, ...certificate, minVersion: 'TLSv1.2', handshakeTimeout: HEADERS_TIMEOUT_MS});
    this.#server.setTimeout(SILENCE_MS);
    this.#server.maxConnections = exchange.hub.limits.connections * SOCKETS_PER_CLIENT + SPARE_CONNECTIONS;
    this.#server.on('connection', (socket: Socket) => this.#count(socket));
    this.#server.on('request', (request, response) => void this.#handle(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('clientError', (_error, socket) => endWith(socket, '400 Bad Request'));
    // Without a handshake there is nothing that an answer could go through, nor an end.
    this.#server.on('tlsClientError', (_error, socket: Socket) => void socket.destroy());
  }

  /** Resolves with its URL, e.g. `http://127.0.0.1:8081`. Errors: those of `explainListenError`. */
  async listen(): Promise<string> {
    const {host, port, certificate} = this.#options;
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({host, port}, resolve);
    await promise.catch(async (error: unknown) => {
      const flag = (to: number): string => `--port ${to}`;
      throw await explainListenError(error, {transport: 'tcp', host, port, flag, variable: 'QUIVER_SIGNAL_PORT'});
    });
    this.#server.off('error', reject);
    this.#server.on('error', (error) => this.#log.error({err: error}, 'the signalling server failed'));
    const {port: given} = this.#server.address() as AddressInfo;
    return `${certificate === undefined ? 'http' : 'https'}://${isIPv6(host) ? `[${host}]` : host}:${given}`;
  }

  /** For connections from now on. */
  setCertificate(certificate: Certificate): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext({...certificate, minVersion: 'TLSv1.2'});
  }

  async close(): Promise<void> {
    this.#polls.close();
    await this.#sockets.close();
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (let waitedMs = 0; this.#open.size > 0 && waitedMs < CLOSE_GRACE_MS; waitedMs += CLOSE_CHECK_MS) {
      this.#server.closeIdleConnections();
      await pause(CLOSE_CHECK_MS);
    }
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  /** Nobody may hold many sockets without ever asking for anything. */
  #count(socket: Socket): void {
    socket.on('error', () => undefined);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    const bytes = bytesOf(socket.remoteAddress ?? '');
    if (this.#proxies.has(bytes)) return;
    const source = sourceOf(bytes);
    const open = (this.#perAddress.get(source) ?? 0) + 1;
    if (open > this.#exchange.hub.limits.connectionsPerSource * SOCKETS_PER_CLIENT) {
      this.#exchange.hub.stats.refused.add('SIGNAL_FULL');
      socket.destroy();
      return;
    }
    this.#perAddress.set(source, open);
    socket.once('close', () => {
      const left = (this.#perAddress.get(source) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(source, left);
      else this.#perAddress.delete(source);
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    const {path} = splitUrl(request.url ?? '');
    try {
      if (path === '/healthz') return this.#health(response);
      if (path !== `${SIGNAL_PATH}/messages`) throw noSuchRoute();
      this.#origins.allow(request, response);
      if (request.method === 'OPTIONS') {
        response.writeHead(204).end();
        return;
      }
      if (!['GET', 'POST', 'DELETE'].includes(request.method ?? '')) throw wrongMethod();
      await this.#polls.handle(request, response, sourceOf(addressOf(request, this.#proxies)));
    } catch (error) {
      // Whoever has left needs no answer.
      if (response.destroyed) return;
      if (!(error instanceof QuiverError)) this.#log.error({err: error, path}, 'a request failed');
      sendFailure(response, error);
    }
  }

  #health(response: ServerResponse): void {
    const {draining} = this.#exchange.hub;
    sendJson(response, draining ? 503 : 200, {status: draining ? 'draining' : 'ready'});
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    const {path} = splitUrl(request.url ?? '');
    if (path !== SIGNAL_PATH) return endWith(socket, '404 Not Found');
    if (!this.#origins.has(request)) return endWith(socket, '403 Forbidden');
    if (!WebSocketFace.speaks(request)) return endWith(socket, '400 Bad Request');
    if (this.#exchange.hub.draining) return endWith(socket, '503 Service Unavailable');
    this.#sockets.accept(request, socket, head, sourceOf(addressOf(request, this.#proxies)));
  }
}

function endWith(socket: Duplex, status: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  // Whoever keeps its own half open would keep a descriptor.
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

function noSuchRoute(): QuiverError {
  return new QuiverError({
    code: 'NO_SUCH_ROUTE',
    message: 'Nothing answers at this path',
    fix: `Open a WebSocket at ${SIGNAL_PATH}, or POST to ${SIGNAL_PATH}/messages`,
    exit: EXIT.usage,
  });
}

function wrongMethod(): QuiverError {
  return new QuiverError({
    code: 'WRONG_METHOD',
    message: 'This path takes GET, POST and DELETE',
    fix: `POST to ${SIGNAL_PATH}/messages`,
    exit: EXIT.usage,
  });
}
