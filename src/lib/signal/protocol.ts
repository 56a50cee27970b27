import {QuiverError} from '../core/errors.ts';
import {peerToKey} from '../records/peer-key.ts';
import {invalidSignal, isPeerState, isRoom, readSignalMessage, SDP_MAX_BYTES} from '../records/signal-message.ts';
import type {OfferedIceServer, PeerState, SignalMessage, SignalPeer} from '../records/signal-message.ts';
import {readIceServers} from '../stun/ice-server.ts';

// What goes between a peer and the server: JSON objects, the same over WebSocket, HTTP and libp2p, so that a page in a
// browser speaks it and one parser guards every face (docs/signalling.md).

/** Path of the WebSocket, and the start of the paths for HTTP. */
export const SIGNAL_PATH = '/v1/signal';
/** WebSocket subprotocol, which a browser has to ask for. */
export const SIGNAL_SUBPROTOCOL = 'quiver.signal.v1';
/** The largest SDP, in which JSON writes each line's end with two bytes more, and what is around it. */
export const MESSAGE_MAX_BYTES = SDP_MAX_BYTES + 16 * 1024;
/** Kept alive by pings of the server; by what passes one can see that the other side is still there. */
export const PING_INTERVAL_MS = 15_000;
/** 768 bytes of a token in base64url. */
const TOKEN_MAX_CHARACTERS = 1_024;
/** More members than any server allows in a room. */
const PEERS_LIMIT = 1_024;
const SECRET = /^[\w-]{16,64}$/;

export type ClientMessage =
  /** `token` where the connection does not say who one is. */
  | {type: 'join'; room: string; token?: string}
  /** Takes up what an earlier connection had joined. */
  | {type: 'resume'; session: string}
  | {type: 'leave'; room: string}
  | {type: 'state'; room: string; state: PeerState}
  | (SignalMessage & {room: string; to: string});

export type ServerMessage =
  | {
      type: 'joined';
      room: string;
      self: string;
      /** Secret for `resume`. */
      session: string;
      peers: SignalPeer[];
      iceServers: OfferedIceServer[];
    }
  | (SignalMessage & {room: string; from: string})
  | ({type: 'presence'; room: string; present: boolean} & SignalPeer)
  /** `of`, `room` and `to` are those of the message that was refused. */
  | {type: 'error'; code: string; message: string; fix: string; of?: string; room?: string; to?: string}
  /** The server is about to stop: go to another, or come back after this time. */
  | {type: 'drain'; retryAfterMs: number};

/** `host:port` of a server, which its tokens name. */
export function audienceOf({protocol, hostname, port}: URL): string {
  const secure = protocol === 'https:' || protocol === 'wss:';
  return `${hostname}:${port === '' ? (secure ? 443 : 80) : port}`;
}

/** Reads a client's message. Throws `SIGNAL_INVALID`, whatever the text is. */
export function readClientMessage(text: string): ClientMessage {
  const fields = readFields(text);
  const type = fields.get('type');
  if (type === 'resume') return {type, session: readSecret(fields)};
  const room = readRoom(fields);
  if (type === 'join') return {type, room, ...readToken(fields.get('token'))};
  if (type === 'leave') return {type, room};
  if (type === 'state') return {type, room, state: readState(fields)};
  return {...readSignalMessage(fields), room, to: readPeer(fields, 'to')};
}

/** Reads a server's message. Throws `SIGNAL_INVALID`, or `ICE_SERVERS_INVALID`, whatever the text is. */
export function readServerMessage(text: string): ServerMessage {
  const fields = readFields(text);
  const type = fields.get('type');
  if (type === 'error') return readError(fields);
  if (type === 'drain') return {type, retryAfterMs: readRetry(fields.get('retryAfterMs'))};
  const room = readRoom(fields);
  if (type === 'joined') {
    return {
      type,
      room,
      self: readPeer(fields, 'self'),
      session: readSecret(fields),
      peers: readPeers(fields.get('peers')),
      iceServers: readIceServers(fields.get('iceServers')),
    };
  }
  if (type === 'presence') {
    const present = fields.get('present');
    if (typeof present !== 'boolean') throw invalidSignal('present');
    return {type, room, present, peer: readPeer(fields, 'peer'), state: readState(fields)};
  }
  return {...readSignalMessage(fields), room, from: readPeer(fields, 'from')};
}

/** What a refusal looks like to the one who was refused. */
export function toErrorMessage(
  error: unknown,
  about: {type?: string; room?: string; to?: string} = {},
): Extract<ServerMessage, {type: 'error'}> {
  const known = error instanceof QuiverError;
  return {
    type: 'error',
    code: known ? error.code : 'INTERNAL',
    message: known ? error.message : 'The server failed in a way it did not expect',
    fix: known ? error.fix : 'Try again; tell its operator when it goes on.',
    ...(about.type !== undefined && {of: about.type}),
    ...(about.room !== undefined && {room: about.room}),
    ...(about.to !== undefined && {to: about.to}),
  };
}

/** The fields of a JSON object of at most `MESSAGE_MAX_BYTES`. */
export function readFields(text: string): ReadonlyMap<string, unknown> {
  if (text.length > MESSAGE_MAX_BYTES) throw invalidSignal(`it has more than ${MESSAGE_MAX_BYTES} bytes`);
  return fieldsOf(parse(text));
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidSignal('it is not an object');
  return new Map(Object.entries(value));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidSignal('it is not JSON');
  }
}

function readRoom(fields: ReadonlyMap<string, unknown>): string {
  const room = fields.get('room');
  if (!isRoom(room)) throw invalidSignal('room');
  return room;
}

function readState(fields: ReadonlyMap<string, unknown>): PeerState {
  const state = fields.get('state');
  if (!isPeerState(state)) throw invalidSignal('state');
  return state;
}

function readPeer(fields: ReadonlyMap<string, unknown>, name: string): string {
  const peer = fields.get(name);
  if (typeof peer !== 'string' || peerToKey(peer) === undefined) throw invalidSignal(name);
  return peer;
}

function readPeers(value: unknown): SignalPeer[] {
  if (!Array.isArray(value) || value.length > PEERS_LIMIT) throw invalidSignal('peers');
  return (value as unknown[]).map((entry) => {
    const fields = fieldsOf(entry);
    return {peer: readPeer(fields, 'peer'), state: readState(fields)};
  });
}

function readSecret(fields: ReadonlyMap<string, unknown>): string {
  const session = fields.get('session');
  if (typeof session !== 'string' || !SECRET.test(session)) throw invalidSignal('session');
  return session;
}

function readToken(value: unknown): {token?: string} {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'string' || value.length > TOKEN_MAX_CHARACTERS) throw invalidSignal('token');
  return {token: value};
}

function readRetry(value: unknown): number {
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > 3_600_000) throw invalidSignal('retryAfterMs');
  return Number(value);
}

function readError(fields: ReadonlyMap<string, unknown>): Extract<ServerMessage, {type: 'error'}> {
  const code = fields.get('code');
  if (typeof code !== 'string' || !/^[A-Z][A-Z0-9_]{0,63}$/.test(code)) throw invalidSignal('code');
  const to = fields.get('to') === undefined ? {} : {to: readPeer(fields, 'to')};
  return {
    type: 'error',
    code,
    message: readText(fields, 'message') ?? code,
    fix: readText(fields, 'fix') ?? '',
    ...(fields.get('room') !== undefined && {room: readRoom(fields)}),
    ...(fields.get('of') !== undefined && {of: readText(fields, 'of') ?? ''}),
    ...to,
  };
}

/** Shown to people, so without what could act on a terminal. */
function readText(fields: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const text = fields.get(name);
  return typeof text === 'string' ? text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 500) : undefined;
}
