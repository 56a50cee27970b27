import {EXIT, QuiverError} from '../core/errors.ts';

/** A full offer of a browser with video and many candidates is about 10 KiB. */
export const SDP_MAX_BYTES = 64 * 1024;
/** The longest candidates, with IPv6 addresses and extensions, have about 300 bytes. */
export const CANDIDATE_MAX_BYTES = 1024;
/** `sdpMid`, `usernameFragment` (RFC 8445: at most 256) and the label of an exchange. */
const LABEL_MAX_CHARACTERS = 256;
const ROOM_MAX_CHARACTERS = 128;
/** SDP numbers its media sections; nobody has more. */
const MEDIA_SECTIONS = 256;

/** Libp2p protocol of signalling, and what a token is made for. @param prefix `/quiver/<profile>` */
export function signalProtocol(prefix: string): string {
  return `${prefix}/signal/1.0.0`;
}

/** How far a peer is with connecting, as it says itself. */
export const PEER_STATES = ['new', 'checking', 'connected', 'failed'] as const;
export type PeerState = (typeof PEER_STATES)[number];

/** What two peers tell each other; the server between them checks its shape and bounds, and reads no more of it. */
export type SignalMessage =
  | {
      type: 'offer' | 'answer';
      sdp: string;
      /** Names one negotiation, so that what is late from the one before can be told apart. */
      session?: string;
    }
  | {
      type: 'ice-candidate';
      /** As in RTCIceCandidate; empty: there are no more. */
      candidate: string;
      sdpMid?: string;
      sdpMLineIndex?: number;
      usernameFragment?: string;
      session?: string;
    };

export interface SignalPeer {
  /** Peer id, vouched for by the server. */
  peer: string;
  state: PeerState;
}

/** As `RTCIceServer`. */
export interface OfferedIceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

export interface SignalEvents {
  message: {from: string; message: SignalMessage};
  /** Somebody in the room came, reported a state, or (`present` false) left. */
  presence: SignalPeer & {present: boolean};
  /** A message was refused, e.g. `SIGNAL_NO_SUCH_PEER`; the channel goes on. `to`: whom it was for. */
  problem: {error: QuiverError; to?: string};
  /** `closed` is the last: by `close()`, by the signal, or with the error that no further try can mend. */
  status: {status: 'connected' | 'reconnecting' | 'closed'; error?: QuiverError};
}

export type SignalListener<K extends keyof SignalEvents> = (event: SignalEvents[K]) => void;

/** One's place in a room, over whatever transport; it finds its way back by itself when the connection drops. */
export interface SignalChannel {
  readonly room: string;
  /** Own peer id. */
  readonly self: string;
  /** The others in the room, as far as known. */
  peers(): readonly SignalPeer[];
  /** STUN and TURN servers that the server named when we joined last. */
  iceServers(): readonly OfferedIceServer[];
  /** Resolves when it has been handed over; while reconnecting it waits. Rejects with QuiverError. */
  send(to: string, message: SignalMessage): Promise<void>;
  /** Tells the room, and the server's metrics, how far we are. */
  report(state: PeerState): void;
  /** Gives back what takes the listener off again. */
  on<K extends keyof SignalEvents>(event: K, listener: SignalListener<K>): () => void;
  /** Leaves the room. Idempotent. */
  close(): Promise<void>;
}

/** Whether a text can name a room: 1 to 128 letters, digits and `. _ : @ -`, a letter or digit first. */
export function isRoom(text: unknown): text is string {
  return typeof text === 'string' && text.length <= ROOM_MAX_CHARACTERS && /^[A-Za-z0-9][\w.:@-]*$/.test(text);
}

export function isPeerState(value: unknown): value is PeerState {
  return PEER_STATES.some((state) => state === value);
}

/** A message that breaks the schema; `what` names the field. */
export function invalidSignal(what: string): QuiverError {
  return new QuiverError({
    code: 'SIGNAL_INVALID',
    message: `The signalling message is not valid: ${what}`,
    fix: 'Send what docs/signalling.md describes.',
    exit: EXIT.usage,
  });
}

/**
 * Checks the payload of an `offer`, `answer` or `ice-candidate`, and copies the fields that are known.
 * Throws `SIGNAL_INVALID`. `fields` comes from `JSON.parse`.
 */
export function readSignalMessage(fields: ReadonlyMap<string, unknown>): SignalMessage {
  const type = fields.get('type');
  if (type === 'offer' || type === 'answer') return {type, sdp: readSdp(fields.get('sdp')), ...session(fields)};
  if (type !== 'ice-candidate') throw invalidSignal('type');
  return {
    type,
    candidate: readCandidate(fields.get('candidate')),
    ...label(fields, 'sdpMid'),
    ...mediaSection(fields.get('sdpMLineIndex')),
    ...label(fields, 'usernameFragment'),
    ...session(fields),
  };
}

function readSdp(value: unknown): string {
  if (typeof value !== 'string' || !value.startsWith('v=0') || value.includes('\0')) throw invalidSignal('sdp');
  if (Buffer.byteLength(value) > SDP_MAX_BYTES) throw invalidSignal(`sdp has more than ${SDP_MAX_BYTES} bytes`);
  return value;
}

function readCandidate(value: unknown): string {
  if (typeof value !== 'string' || !/^[\x20-\x7e]*$/.test(value)) throw invalidSignal('candidate');
  if (value.length > CANDIDATE_MAX_BYTES) {
    throw invalidSignal(`candidate has more than ${CANDIDATE_MAX_BYTES} bytes`);
  }
  return value;
}

function session(fields: ReadonlyMap<string, unknown>): {session?: string} {
  return label(fields, 'session');
}

/** Absent and null are one: browsers write null. */
function label<K extends string>(fields: ReadonlyMap<string, unknown>, name: K): {[key in K]?: string} {
  const value = fields.get(name) ?? undefined;
  if (value === undefined) return {};
  if (typeof value !== 'string' || value.length > LABEL_MAX_CHARACTERS || !/^[\x20-\x7e]*$/.test(value)) {
    throw invalidSignal(name);
  }
  return {[name]: value} as {[key in K]?: string};
}

function mediaSection(value: unknown): {sdpMLineIndex?: number} {
  if (value === undefined || value === null) return {};
  if (!Number.isInteger(value) || Number(value) < 0 || Number(value) >= MEDIA_SECTIONS) {
    throw invalidSignal('sdpMLineIndex');
  }
  return {sdpMLineIndex: Number(value)};
}
