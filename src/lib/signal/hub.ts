import type {OfferedIceServer, SignalMessage, SignalPeer} from '../records/signal-message.ts';
import {refusal} from './errors.ts';
import type {RemoteMember, RoomEvent} from './room-bus.ts';
import {hasOurs, othersIn, viewRoom} from './rooms.ts';
import type {Member, Room, RoomView} from './rooms.ts';
import {HubStats} from './hub-stats.ts';
import {SIGNAL_LIMITS} from './limits.ts';
import type {SignalLimits} from './limits.ts';
import {toErrorMessage} from './protocol.ts';
import type {ClientMessage, ServerMessage} from './protocol.ts';
import {SessionBook} from './session-book.ts';
import {Session} from './session.ts';
import type {Face, ClientConnection} from './session.ts';

export interface HubOptions {
  limits?: Partial<SignalLimits>;
  /** What happens here in a room, for the other servers that share it. */
  publish?: (room: string, event: RoomEvent) => void;
  /** Nobody of ours is in this room any more. */
  onEmpty?: (room: string) => void;
}

export interface Joining {
  peer: string;
  room: string;
  /** For the answer. */
  iceServers: OfferedIceServer[];
  /** Who is in the room at other servers, when nobody of ours was in it before. */
  elsewhere?: readonly RemoteMember[];
}

/**
 * Rooms and who is in them. Without sockets, timers or clocks: connections come as `ClientConnection`s, messages parsed, time as
 * milliseconds of any steady clock. Whoever calls has established who a client is.
 */
export class SignalHub {
  readonly limits: SignalLimits;
  readonly stats = new HubStats();
  readonly #publish: (room: string, event: RoomEvent) => void;
  readonly #onEmpty: (room: string) => void;
  readonly #rooms = new Map<string, Room>();
  readonly #sessions: SessionBook;
  #draining = false;

  constructor({limits, publish = () => undefined, onEmpty = () => undefined}: HubOptions = {}) {
    this.limits = {...SIGNAL_LIMITS, ...limits};
    this.#sessions = new SessionBook(this.limits);
    this.#publish = publish;
    this.#onEmpty = onEmpty;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get sessions(): SessionBook {
    return this.#sessions;
  }

  get roomCount(): number {
    return this.#rooms.size;
  }

  hasRoom(name: string): boolean {
    return this.#rooms.has(name);
  }

  /** @param source whom limits count together: an address, a /64 or a relay. Throws SIGNAL_FULL or SIGNAL_DRAINING. */
  open(link: ClientConnection, source: string, face: Face, nowMs: number): Session {
    if (this.#draining) throw refusal('SIGNAL_DRAINING');
    return this.#sessions.open(link, source, face, nowMs);
  }

  /**
   * Lets a peer into a room.
   * Throws SIGNAL_DRAINING, SIGNAL_NO_SESSION, SIGNAL_IDENTITY, SIGNAL_TOO_MANY_ROOMS, SIGNAL_ROOM_FULL or SIGNAL_FULL.
   */
  join(session: Session, {peer, room: name, iceServers, elsewhere = []}: Joining): void {
    const {rooms, peersPerRoom, roomsPerConnection} = this.limits;
    if (this.#draining) throw refusal('SIGNAL_DRAINING');
    if (this.#sessions.get(session.secret) !== session) throw refusal('SIGNAL_NO_SESSION');
    if (session.peer !== undefined && session.peer !== peer) throw refusal('SIGNAL_IDENTITY');
    const room = this.#rooms.get(name);
    const before = room?.get(peer);
    if (before?.at !== session) {
      if (session.rooms.size >= roomsPerConnection) throw refusal('SIGNAL_TOO_MANY_ROOMS');
      if (room === undefined && this.#rooms.size >= rooms) throw refusal('SIGNAL_FULL');
      if (before === undefined && (room?.size ?? elsewhere.length) >= peersPerRoom) throw refusal('SIGNAL_ROOM_FULL');
      if (before?.at instanceof Session) this.#replace(before.at, name);
    }
    session.peer = peer;
    session.rooms.add(name);
    const member: Member = {peer, state: 'new', at: session};
    const members = this.#roomOf(name);
    for (const other of elsewhere) if (!members.has(other.peer)) members.set(other.peer, other);
    members.set(peer, member);
    this.#deliver(session, this.#joined(session, name, iceServers));
    this.#announce(name, member, true);
    this.#publish(name, {type: 'present', peer, state: 'new'});
  }

  /**
   * Gives a session to the connection that knows its secret, with what has waited for it.
   * Throws SIGNAL_NO_SESSION; `peer` where the connection says who it is.
   */
  resume(secret: string, link: ClientConnection, iceServers: OfferedIceServer[], peer?: string): Session {
    const session = this.#sessions.get(secret);
    if (session?.peer === undefined || (peer !== undefined && session.peer !== peer)) {
      throw refusal('SIGNAL_NO_SESSION');
    }
    session.link?.close('replaced');
    session.link = link;
    for (const room of session.rooms) this.#deliver(session, this.#joined(session, room, iceServers));
    for (const message of this.#sessions.takeWaiting(session)) this.#deliver(session, message);
    return session;
  }

  /** Whose session this is the secret of. */
  peerOf(secret: string): string | undefined {
    return this.#sessions.get(secret)?.peer;
  }

  /** Everything that a member may say. Throws SIGNAL_NOT_JOINED or SIGNAL_NO_SUCH_PEER. */
  receive(session: Session, message: Exclude<ClientMessage, {type: 'join' | 'resume'}>): void {
    const {room: name} = message;
    const room = this.#rooms.get(name);
    const member = session.peer === undefined ? undefined : room?.get(session.peer);
    if (room === undefined || member?.at !== session) throw refusal('SIGNAL_NOT_JOINED');
    if (message.type === 'leave') {
      this.#leave(session, name);
    } else if (message.type === 'state') {
      member.state = message.state;
      this.#announce(name, member, true);
      this.#publish(name, {type: 'present', peer: member.peer, state: member.state});
    } else {
      const {to, ...rest} = message;
      this.#relay(room, {...rest, from: member.peer}, to);
    }
  }

  /** The connection of a session is gone; its place is kept for a while, unless it has none. */
  lost(session: Session, link: ClientConnection, nowMs: number): void {
    if (session.link !== link) return;
    session.link = undefined;
    session.lostAtMs = nowMs;
    if (session.rooms.size === 0 || this.#draining) this.end(session);
  }

  /** Takes a session out of everything. Idempotent. */
  end(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    for (const room of session.rooms) this.#leave(session, room);
  }

  /** To be called about once a second: ends sessions that nobody has come back to or that are in no room. */
  tick(nowMs: number): void {
    const {resumeMs, joinMs} = this.limits;
    for (const session of this.#sessions) {
      if (session.rooms.size > 0) session.idleSinceMs = undefined;
      else session.idleSinceMs ??= nowMs;
      if (session.link === undefined && nowMs - session.lostAtMs >= resumeMs) this.end(session);
      else if (nowMs - (session.idleSinceMs ?? nowMs) >= joinMs) {
        session.link?.close('idle');
        this.end(session);
      }
    }
  }

  /** From now on nobody is let in; whoever is in is told to go elsewhere. */
  drain(retryAfterMs: number): void {
    this.#draining = true;
    for (const session of this.#sessions) this.#deliver(session, {type: 'drain', retryAfterMs});
  }

  /** Ends every session and its connection. */
  close(): void {
    for (const session of this.#sessions) {
      session.link?.close('stopping');
      this.end(session);
    }
  }

  /** An event of a room on another server, which is `at`. */
  remote(name: string, at: string, event: RoomEvent): void {
    const room = this.#rooms.get(name);
    // Only rooms in which somebody of ours is are followed.
    if (room === undefined) return;
    if (event.type === 'message') {
      const target = room.get(event.to);
      if (target?.at instanceof Session) this.#deliver(target.at, {...event.message, room: name, from: event.from});
      return;
    }
    const {peer} = event;
    const before = room.get(peer);
    if (event.type === 'gone') {
      if (before?.at === at) this.#remove(name, room, before);
      return;
    }
    if (before === undefined && room.size >= this.limits.peersPerRoom) return;
    const member: Member = {peer, state: event.state, at};
    room.set(peer, member);
    if (before?.at instanceof Session) this.#replace(before.at, name);
    this.#announce(name, member, true);
    this.#forgetUnlessOurs(name, room);
  }

  /** Another server is gone, and everybody who was there. */
  remoteGone(at: string): void {
    for (const [name, room] of this.#rooms) {
      for (const member of room.values()) if (member.at === at) this.#remove(name, room, member);
    }
  }

  /** Who of ours is in which room: what is told to servers that share rooms. */
  *localMembers(): Generator<SignalPeer & {room: string}> {
    for (const [room, members] of this.#rooms) {
      for (const {peer, state, at} of members.values()) if (at instanceof Session) yield {room, peer, state};
    }
  }

  /** The first so many rooms, for operators. */
  view(limit: number): RoomView[] {
    return [...this.#rooms.entries().take(limit)].map(([name, room]) => viewRoom(name, room));
  }

  #relay(room: Room, message: SignalMessage & {room: string; from: string}, to: string): void {
    const target = room.get(to);
    if (target === undefined || to === message.from) throw refusal('SIGNAL_NO_SUCH_PEER');
    this.stats.relayed.add(message.type);
    if (target.at instanceof Session) return this.#deliver(target.at, message);
    const {room: name, from, ...rest} = message;
    this.#publish(name, {type: 'message', from, to, message: rest});
  }

  #deliver(session: Session, message: ServerMessage): void {
    // It may have been ended by what was delivered to it just before.
    if (this.#sessions.get(session.secret) !== session) return;
    if (session.link !== undefined) return session.link.send(message);
    if (this.#sessions.keep(session, message)) return;
    this.stats.refused.add('SIGNAL_SLOW');
    this.end(session);
  }

  #joined(session: Session, room: string, iceServers: OfferedIceServer[]): ServerMessage {
    const self = session.peer ?? '';
    const peers = othersIn(this.#rooms.get(room), self);
    return {type: 'joined', room, self, session: session.secret, peers, iceServers};
  }

  #announce(name: string, {peer, state}: Member, present: boolean): void {
    for (const other of this.#rooms.get(name)?.values() ?? []) {
      if (other.peer === peer || !(other.at instanceof Session)) continue;
      this.#deliver(other.at, {type: 'presence', room: name, present, peer, state});
    }
  }

  /** The same peer has come by another way, which now counts. */
  #replace(session: Session, name: string): void {
    this.stats.refused.add('SIGNAL_REPLACED');
    session.rooms.delete(name);
    if (session.rooms.size > 0) {
      this.#deliver(session, toErrorMessage(refusal('SIGNAL_REPLACED'), {room: name}));
      return;
    }
    session.link?.close('replaced');
    this.end(session);
  }

  #leave(session: Session, name: string): void {
    session.rooms.delete(name);
    const room = this.#rooms.get(name);
    const member = session.peer === undefined ? undefined : room?.get(session.peer);
    if (room === undefined || member?.at !== session) return;
    this.#remove(name, room, member);
    this.#publish(name, {type: 'gone', peer: member.peer});
  }

  #remove(name: string, room: Room, member: Member): void {
    room.delete(member.peer);
    this.#announce(name, member, false);
    this.#forgetUnlessOurs(name, room);
  }

  /** A room in which nobody of ours is any more is no business of ours. */
  #forgetUnlessOurs(name: string, room: Room): void {
    if (this.#rooms.get(name) !== room || hasOurs(room)) return;
    this.#rooms.delete(name);
    this.#onEmpty(name);
  }

  #roomOf(name: string): Room {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    const room: Room = new Map();
    this.#rooms.set(name, room);
    return room;
  }
}
