import {createServer, type Server, type ServerResponse} from 'node:http';
import {isIPv6, type AddressInfo, type Socket} from 'node:net';

import {CidrSet} from '../../core/ip-address.ts';
import {EXIT, QuiverError} from '../../core/errors.ts';
import {toJson} from '../../core/json.ts';
import {pause} from '../../core/pause.ts';
import type {Logger} from '../../observability/logger.ts';
import {toErrorBody} from '../../service/error-body.ts';
import {splitUrl} from '../../service/http-request.ts';
import {explainListenError} from '../../service/listen-errors.ts';
import {ConnectionLimits} from '../io/stream/connection-limits.ts';
import {STREAM_LIMITS} from '../io/stream/stream-options.ts';
import {strangerOf} from './access.ts';
import type {IceHandler} from './ice-handler.ts';

/** A browser's headers with its cookies are a few kilobytes. */
const HEADER_LIMIT_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Clients come once in some minutes, and a proxy in front holds its own. */
const KEEP_ALIVE_MS = 5_000;
const CHECK_INTERVAL_MS = 1_000;
/** In all below the usual limit of 1024 open files; of one address enough for a server that asks for its users. */
const CONNECTION_LIMITS = {
  ...STREAM_LIMITS,
  connections: 512,
  connectionsPerSource: 64,
  acceptsPerSecond: 100,
  acceptBurst: 200,
};
/** Answers take microseconds; what is left after it waits for a slow reader. */
const CLOSE_GRACE_MS = 500;

/** The HTTP server of the ICE servers API where it has a port of its own; `/healthz` beside it. */
export class IceListener {
  readonly #server: Server;
  readonly #log: Logger;

  constructor(handler: IceHandler, proxies: readonly string[], log: Logger) {
    this.#log = log;
    this.#server = createServer({
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
    });
    this.#server.maxConnections = CONNECTION_LIMITS.connections;
    const [limits, trusted] = [new ConnectionLimits(CONNECTION_LIMITS), new CidrSet(proxies)];
    this.#server.on('connection', (socket) => {
      const stranger = strangerOf(socket, trusted);
      if (stranger === undefined) return;
      const release = limits.admit(stranger, Date.now());
      if (release === undefined) socket.destroy();
      else socket.once('close', release);
    });
    this.#server.on('request', (request, response) => {
      if (!handler.handle(request, response)) other(splitUrl(request.url ?? '').path, response);
    });
    this.#server.on('clientError', (_error, socket: Socket) => {
      socket.once('finish', () => socket.destroy());
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    });
  }

  /** Resolves with its URL. Errors: those of `explainListenError`. */
  async listen(host: string, port: number): Promise<string> {
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({host, port}, resolve);
    await promise.catch(async (error: unknown) => {
      throw await explainListenError(error, {
        transport: 'tcp',
        host,
        port,
        owner: 'the ICE servers API',
        flag: (to) => `--ice-port ${to}`,
        hostFlag: '--ice-host',
        variable: 'QUIVER_TURN_ICE_API_PORT',
      });
    });
    this.#server.off('error', reject);
    this.#server.on('error', (error) => this.#log.error({err: error}, 'the server of the ICE servers API failed'));
    const {port: given} = this.#server.address() as AddressInfo;
    return `http://${isIPv6(host) ? `[${host}]` : host}:${given}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    await Promise.race([closed, pause(CLOSE_GRACE_MS, undefined, {ref: false})]);
    this.#server.closeAllConnections();
    await closed;
  }
}

function other(path: string, response: ServerResponse): void {
  const isHealth = path === '/healthz';
  // What is not read of a body would be taken for the next request.
  if (!response.req.complete) response.setHeader('connection', 'close');
  const body = isHealth ? {status: 'ready'} : {error: toErrorBody(noSuchRoute())};
  response.writeHead(isHealth ? 200 : 404, {'content-type': 'application/json', 'cache-control': 'no-store'});
  response.end(toJson(body));
}

function noSuchRoute(): QuiverError {
  return new QuiverError({
    code: 'NO_SUCH_ROUTE',
    message: 'Nothing answers at this path',
    fix: 'GET /api/v1/turn/ice-servers?user_did=did:peers:alice',
    exit: EXIT.usage,
  });
}
