import type {PeerState, SignalPeer} from '../records/signal-message.ts';
import {Session} from './session.ts';
import type {Face} from './session.ts';

/** A peer in a room: here, or at another server of the same rooms, which is then named. */
export interface Member {
  peer: string;
  state: PeerState;
  at: Session | string;
}

/** Members by peer id. */
export type Room = Map<string, Member>;

/** A room as operators see it. */
export interface RoomView {
  room: string;
  peers: (SignalPeer & {face: Face | 'elsewhere'; connected: boolean})[];
}

export function hasOurs(room: Room): boolean {
  return room.values().some(({at}) => at instanceof Session);
}

export function othersIn(room: Room | undefined, self: string): SignalPeer[] {
  if (room === undefined) return [];
  return [...room.values()].filter(({peer}) => peer !== self).map(({peer, state}) => ({peer, state}));
}

export function viewRoom(name: string, room: Room): RoomView {
  return {
    room: name,
    peers: [...room.values()].map(({peer, state, at}) => {
      if (!(at instanceof Session)) return {peer, state, face: 'elsewhere', connected: true};
      return {peer, state, face: at.face, connected: at.link !== undefined};
    }),
  };
}
