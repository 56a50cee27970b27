import {peerToKey} from '../records/peer-key.ts';
import {invalidSignal, isPeerState, readSignalMessage} from '../records/signal-message.ts';
import type {SignalMessage, SignalPeer} from '../records/signal-message.ts';
import {readFields} from './protocol.ts';

/** What servers that share rooms tell each other of one. */
export type RoomEvent =
  | ({type: 'present'} & SignalPeer)
  | {type: 'gone'; peer: string}
  | {type: 'message'; from: string; to: string; message: SignalMessage};

/** A peer in a room at another server. */
export interface RemoteMember extends SignalPeer {
  /** Name of that server. */
  at: string;
}

/** Connects the hub of this process with those of others. Nothing in it rejects: without the others we go on alone. */
export interface RoomBus {
  /** True while the others can be reached. */
  readonly connected: boolean;
  /** Follows a room from now on, and says who is in it elsewhere; `release` once somebody of ours has, or hasn't, joined. */
  enter(room: string): Promise<{elsewhere: readonly RemoteMember[]; release: () => void}>;
  /** Nobody of ours is in the room any more. */
  vacate(room: string): void;
  publish(room: string, event: RoomEvent): void;
  stop(): Promise<void>;
}

/** An event as one server tells it to the others, with who tells it. */
export interface ToldEvent {
  at: string;
  event: RoomEvent;
}

/** Throws SIGNAL_INVALID, whatever the text is. */
export function readToldEvent(text: string): ToldEvent {
  const fields = readFields(text);
  const at = readServer(fields.get('at'));
  const type = fields.get('event');
  if (type === 'gone') return {at, event: {type, peer: readPeer(fields.get('peer'))}};
  if (type === 'present') return {at, event: {type, ...readPresence(fields)}};
  const [from, to] = [readPeer(fields.get('from')), readPeer(fields.get('to'))];
  return {at, event: {type: 'message', from, to, message: readSignalMessage(fields)}};
}

export function writeToldEvent({at, event}: ToldEvent): string {
  if (event.type !== 'message') return JSON.stringify({...event, at, event: event.type});
  const {from, to, message} = event;
  return JSON.stringify({...message, at, event: 'message', from, to});
}

/** What is kept of a member where all servers can read it. Throws SIGNAL_INVALID. */
export function readRemoteMember(text: string): RemoteMember {
  const fields = readFields(text);
  return {at: readServer(fields.get('at')), ...readPresence(fields)};
}

function readPresence(fields: ReadonlyMap<string, unknown>): SignalPeer {
  const state = fields.get('state');
  if (!isPeerState(state)) throw invalidSignal('state');
  return {peer: readPeer(fields.get('peer')), state};
}

function readPeer(value: unknown): string {
  if (typeof value !== 'string' || peerToKey(value) === undefined) throw invalidSignal('peer');
  return value;
}

function readServer(value: unknown): string {
  if (typeof value !== 'string' || !/^[\w-]{1,64}$/.test(value)) throw invalidSignal('at');
  return value;
}
