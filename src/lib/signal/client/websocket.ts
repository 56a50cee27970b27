import type {PrivateKey} from '@libp2p/interface';
import type {WebSocket} from 'ws';

import type {QuiverError} from '../../core/errors.ts';
import {peerFromKey} from '../../records/peer-key.ts';
import type {SignalChannel} from '../../records/signal-message.ts';
import {sealSignalToken} from '../../records/signal-token.ts';
import {CLOSE, refusal} from '../errors.ts';
import {audienceOf, MESSAGE_MAX_BYTES, PING_INTERVAL_MS, SIGNAL_PATH, SIGNAL_SUBPROTOCOL} from '../protocol.ts';
import {openChannel} from './channel.ts';
import {badServer, closedChannel, unreachable} from './errors.ts';
import type {SignalServerAddress, Wire, WireEvents} from './wire.ts';

const HANDSHAKE_TIMEOUT_MS = 10_000;
/** The server pings; after two that did not come it is gone. */
const SILENCE_LIMIT_MS = 2.5 * PING_INTERVAL_MS;
const CLOSE_GRACE_MS = 1_000;
/** `joined` with all members of a full room. */
const PAYLOAD_LIMIT_BYTES = 4 * MESSAGE_MAX_BYTES;

export interface UrlChannelOptions {
  /** Servers, tried in turn: `https://host:port`, or `http`, `ws`, `wss`. */
  urls: readonly string[];
  room: string;
  /** `/quiver/<profile>/signal/1.0.0`. */
  protocol: string;
  peerKey: PrivateKey;
  /** Leaves the room when it aborts. */
  signal?: AbortSignal;
  /** For the first joining. @default 15 s for each server */
  joinDeadlineMs?: number;
  /** Take any certificate: only for a server of this very process. @default false */
  anyCertificate?: boolean;
}

/** Joins a room over a WebSocket, which is then held open. Errors: those of `openChannel`, and SIGNAL_URL. */
export function joinByWebSocket(options: UrlChannelOptions): Promise<SignalChannel> {
  const {anyCertificate = false} = options;
  return openChannel(channelOptions(options, (...call) => dialWebSocket(...call, anyCertificate)));
}

/** What channels to servers with a URL have in common; the token names the server. */
export function channelOptions(
  {urls, room, protocol, peerKey, signal, joinDeadlineMs}: UrlChannelOptions,
  dial: (url: URL, events: WireEvents, signal: AbortSignal) => Promise<Wire>,
) {
  const servers = urls.map((text): SignalServerAddress => {
    const url = parseUrl(text);
    return {
      name: url.origin,
      dial: (events, given) => dial(url, events, given),
      token: () => sealSignalToken({protocol, room, audience: audienceOf(url)}, peerKey),
    };
  });
  const self = peerFromKey(peerKey.publicKey.raw);
  return {
    room,
    self,
    servers,
    ...(signal !== undefined && {signal}),
    ...(joinDeadlineMs !== undefined && {joinDeadlineMs}),
  };
}

async function dialWebSocket(
  url: URL,
  events: WireEvents,
  signal: AbortSignal,
  anyCertificate: boolean,
): Promise<Wire> {
  const {WebSocket: Client} = await import('ws');
  const target = new URL(SIGNAL_PATH, url);
  target.protocol = url.protocol.replace('http', 'ws');
  const ws = new Client(target, SIGNAL_SUBPROTOCOL, {
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: PAYLOAD_LIMIT_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
    rejectUnauthorized: !anyCertificate,
  });
  await opened(ws, url, signal);
  const watchdog = setTimeout(() => ws.terminate(), SILENCE_LIMIT_MS);
  ws.on('error', () => undefined); // `close` follows
  ws.on('ping', () => watchdog.refresh());
  ws.on('message', (data, isBinary) => {
    watchdog.refresh();
    if (isBinary || !Buffer.isBuffer(data)) ws.terminate();
    else events.text(data.toString());
  });
  ws.once('close', (code) => {
    clearTimeout(watchdog);
    events.closed(reasonOf(code));
  });
  return {
    send: (text) => sendOver(ws, text),
    close: () => {
      ws.close(1000);
      setTimeout(() => ws.terminate(), CLOSE_GRACE_MS).unref();
    },
  };
}

/** Resolves when it is open; whatever comes before, ends it. */
async function opened(ws: WebSocket, url: URL, signal: AbortSignal): Promise<void> {
  const {promise, resolve, reject} = Promise.withResolvers<void>();
  const onAbort = (): void => ws.terminate();
  // ws gives the status of a refused upgrade in its text alone; 503 is a server that drains.
  const onError = (error: Error): void =>
    reject(error.message.endsWith(' 503') ? refusal('SIGNAL_DRAINING') : unreachable(url.origin, error.message, error));
  ws.once('open', resolve);
  ws.once('error', onError);
  signal.addEventListener('abort', onAbort, {once: true});
  if (signal.aborted) onAbort();
  try {
    await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    ws.off('error', onError);
  }
}

async function sendOver(ws: WebSocket, text: string): Promise<void> {
  const {promise, resolve, reject} = Promise.withResolvers<void>();
  ws.send(text, (error) => (error ? reject(closedChannel()) : resolve()));
  await promise;
}

function reasonOf(code: number): QuiverError | undefined {
  if (code === CLOSE.replaced.code) return refusal('SIGNAL_REPLACED');
  if (code === CLOSE.stopping.code) return refusal('SIGNAL_DRAINING');
  return undefined;
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:', 'ws:', 'wss:'].includes(url.protocol)) throw badServer(text);
  // Names and passwords in a URL end up in logs.
  if (url.username !== '' || url.password !== '') throw badServer(url.origin);
  return url;
}
