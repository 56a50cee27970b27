import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {isIP, isIPv6} from 'node:net';
import {connect as connectTcp, type Socket} from 'node:net';
import {connect as connectTls} from 'node:tls';

import {QuiverError} from '../core/errors.ts';
import {FrameReader} from './frame-reader.ts';
import {decodeMessage, type StunMessage} from './message.ts';

export type ServerTransport = 'udp' | 'tcp' | 'tls';

export interface ServerAddress {
  /** Name or IP address. */
  host: string;
  port: number;
  transport: ServerTransport;
}

export interface WireOptions {
  signal: AbortSignal;
  /** UDP: bind to this port, e.g. to speak for an allocation that was made from it. @default any */
  localPort?: number;
  /** UDP: bind to this address. */
  localAddress?: string;
  /** TLS: whatever the certificate is; for who knows whom he asks. @default false */
  anyCertificate?: boolean;
  /** TCP and TLS: for the connection. @default 5000 */
  connectDeadlineMs?: number;
}

/** STUN requests and their answers over UDP, TCP or TLS. */
export interface StunWire {
  /** The answer with the request's transaction id. Rejects with `ICE_SERVER_SILENT` after `deadlineMs`. */
  request(message: Buffer, deadlineMs: number): Promise<StunMessage>;
  close(): void;
}

const CONNECT_DEADLINE_MS = 5_000;
/** RFC 8489 section 6.2.1 says 500 ms for a first try; half of it loses little on any path that can carry a call. */
const FIRST_RETRANSMISSION_MS = 250;

export async function openWire(server: ServerAddress, options: WireOptions): Promise<StunWire> {
  options.signal.throwIfAborted();
  return server.transport === 'udp' ? openUdp(server, options) : openStream(server, options);
}

/** A TCP or TLS connection to a TURN server. Errors: ICE_SERVER_UNREACHABLE, ICE_SERVER_CERTIFICATE. */
export async function connectServer(server: ServerAddress, options: WireOptions): Promise<Socket> {
  const {host, port} = server;
  const {anyCertificate = false} = options;
  const deadline = AbortSignal.timeout(options.connectDeadlineMs ?? CONNECT_DEADLINE_MS);
  const signal = AbortSignal.any([options.signal, deadline]);
  const secure = server.transport === 'tls';
  const socket = secure
    ? connectTls({
        host,
        port,
        ...(isIP(host) === 0 && {servername: host}),
        ALPNProtocols: ['stun.turn'],
        rejectUnauthorized: !anyCertificate,
      })
    : connectTcp({host, port});
  try {
    await opened(socket, secure ? 'secureConnect' : 'connect', signal);
  } catch (cause) {
    socket.destroy();
    options.signal.throwIfAborted();
    throw unreachable(server, cause);
  }
  socket.setNoDelay(true);
  return socket;
}

function opened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new Error('the connection took too long'));
    signal.addEventListener('abort', abort, {once: true});
    socket.once(event, () => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
    // Stays: what comes later ends in `close`.
    socket.on('error', reject);
  });
}

interface Pending {
  resolve(message: StunMessage): void;
  reject(error: Error): void;
}

class Transactions {
  readonly #pending = new Map<string, Pending>();

  take(bytes: Uint8Array): void {
    const message = decodeMessage(bytes);
    if (message === undefined || message.class < 2) return;
    const id = idOf(message.transactionId);
    this.#pending.get(id)?.resolve(message);
    this.#pending.delete(id);
  }

  wait(id: Uint8Array, deadlineMs: number, error: () => Error): Promise<StunMessage> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(idOf(id));
        reject(error());
      }, deadlineMs);
      this.#pending.set(idOf(id), {
        resolve: (message) => (clearTimeout(timer), resolve(message)),
        reject: (cause) => (clearTimeout(timer), reject(cause)),
      });
    });
  }

  fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

async function openUdp(server: ServerAddress, {signal, localPort, localAddress}: WireOptions): Promise<StunWire> {
  const {lookup} = await import('node:dns/promises');
  const {address} = isIP(server.host) === 0 ? await lookup(server.host) : {address: server.host};
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const transactions = new Transactions();
  socket.on('message', (bytes) => transactions.take(bytes));
  try {
    socket.bind({port: localPort ?? 0, ...(localAddress !== undefined && {address: localAddress})});
    await once(socket, 'listening', {signal});
  } catch (error) {
    socket.close();
    throw error;
  }
  // A refused datagram is like a lost one.
  socket.on('error', () => {});
  const close = atMostOnce(() => {
    transactions.fail(silent(server));
    signal.removeEventListener('abort', close);
    socket.close();
  });
  signal.addEventListener('abort', close, {once: true});
  return {
    async request(message, deadlineMs) {
      const answer = transactions.wait(message.subarray(8, 20), deadlineMs, () => silent(server));
      let waitMs = FIRST_RETRANSMISSION_MS;
      let timer: NodeJS.Timeout | undefined;
      const transmit = (): void => {
        socket.send(message, server.port, address, () => {});
        timer = setTimeout(transmit, waitMs);
        waitMs *= 2;
      };
      transmit();
      return answer.finally(() => clearTimeout(timer));
    },
    close,
  };
}

async function openStream(server: ServerAddress, options: WireOptions): Promise<StunWire> {
  const socket = await connectServer(server, options);
  const transactions = new Transactions();
  const frames = new FrameReader();
  const close = atMostOnce(() => {
    transactions.fail(silent(server));
    options.signal.removeEventListener('abort', close);
    socket.destroy();
  });
  socket.on('data', (chunk) => {
    if (!frames.push(chunk, (frame) => transactions.take(Buffer.from(frame)))) close();
  });
  socket.on('close', close);
  options.signal.addEventListener('abort', close, {once: true});
  return {
    request(message, deadlineMs) {
      socket.write(message);
      return transactions.wait(message.subarray(8, 20), deadlineMs, () => silent(server));
    },
    close,
  };
}

function atMostOnce(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

function idOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function silent({host, port, transport}: ServerAddress): QuiverError {
  const name = transport === 'tls' ? 'TLS' : transport.toUpperCase();
  return new QuiverError({
    code: 'ICE_SERVER_SILENT',
    message: `${host} port ${port} does not answer over ${name}`,
    fix: `Let ${name} to port ${port} through the firewall, or name another server; quiver ice check shows what passes.`,
  });
}

function unreachable(server: ServerAddress, cause: unknown): QuiverError {
  const {host, port, transport} = server;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (transport === 'tls' && /CERT|SELF_SIGNED|ALTNAME|ISSUER|SIGNATURE/.test(code)) {
    return new QuiverError({
      code: 'ICE_SERVER_CERTIFICATE',
      message: `The TLS certificate of ${host} port ${port} is not valid (${code})`,
      fix: 'The operator renews it or puts the right name into it; your own authority goes into NODE_EXTRA_CA_CERTS.',
      cause,
    });
  }
  return new QuiverError({
    code: 'ICE_SERVER_UNREACHABLE',
    message: `${host} port ${port} can't be reached over ${transport.toUpperCase()}${code === '' ? '' : ` (${code})`}`,
    fix: `Let TCP to port ${port} through the firewall, or name another server; quiver ice check shows what passes.`,
    cause,
  });
}
