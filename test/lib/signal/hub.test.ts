import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import type {CloseReason} from '../../../src/lib/signal/errors.ts';
import {SignalHub} from '../../../src/lib/signal/hub.ts';
import type {HubOptions} from '../../../src/lib/signal/hub.ts';
import type {SignalLimits} from '../../../src/lib/signal/limits.ts';
import type {ServerMessage} from '../../../src/lib/signal/protocol.ts';
import type {RoomEvent} from '../../../src/lib/signal/room-bus.ts';
import type {ClientConnection, Session} from '../../../src/lib/signal/session.ts';
import {CANDIDATE, OFFER} from './support/signal.ts';

const peer = (number: number): string => peerFromKey(new Uint8Array(32).fill(number + 1));
const [A, B, C] = [peer(1), peer(2), peer(3)];

class FakeConnection implements ClientConnection {
  readonly got: ServerMessage[] = [];
  closed: CloseReason | undefined;
  send(message: ServerMessage): void {
    this.got.push(message);
  }
  close(reason: CloseReason): void {
    this.closed ??= reason;
  }
  take(): ServerMessage[] {
    return this.got.splice(0);
  }
}

function setUp(limits: Partial<SignalLimits> = {}, options: HubOptions = {}) {
  const hub = new SignalHub({limits, ...options});
  const enter = (who: string, room = 'room', source = who): {link: FakeConnection; session: Session} => {
    const link = new FakeConnection();
    const session = hub.open(link, source, 'websocket', 0);
    hub.join(session, {peer: who, room, iceServers: []});
    return {link, session};
  };
  return {hub, enter};
}

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof QuiverError) return error.code;
    throw error;
  }
};

describe('the hub', () => {
  it('answers a join with who is there, how far they are, and the ICE servers', () => {
    const {hub, enter} = setUp();
    const a = enter(A);
    hub.receive(a.session, {type: 'state', room: 'room', state: 'checking'});
    const link = new FakeConnection();
    const iceServers = [{urls: ['stun:127.0.0.1:3478']}];
    const session = hub.open(link, 's', 'libp2p', 0);
    hub.join(session, {peer: B, room: 'room', iceServers});
    expect(link.got).toEqual([
      {
        type: 'joined',
        room: 'room',
        self: B,
        session: session.secret,
        peers: [{peer: A, state: 'checking'}],
        iceServers,
      },
    ]);
    expect(a.link.got.at(-1)).toEqual({type: 'presence', room: 'room', present: true, peer: B, state: 'new'});
  });

  it('passes messages on to members of the same room, and says itself who they are from', () => {
    const {hub, enter} = setUp();
    const [a, b, c] = [enter(A), enter(B), enter(C, 'other')];
    for (const {link} of [a, b, c]) link.take();
    const forged = {...OFFER, room: 'room', to: B, from: C};
    hub.receive(a.session, forged);
    expect(b.link.take()).toEqual([{...OFFER, room: 'room', from: A}]);
    expect(codeOf(() => hub.receive(a.session, {...OFFER, room: 'room', to: C}))).toBe('SIGNAL_NO_SUCH_PEER');
    expect(codeOf(() => hub.receive(a.session, {...OFFER, room: 'room', to: A}))).toBe('SIGNAL_NO_SUCH_PEER');
    expect(codeOf(() => hub.receive(a.session, {...OFFER, room: 'other', to: C}))).toBe('SIGNAL_NOT_JOINED');
    expect(codeOf(() => hub.receive(c.session, {...CANDIDATE, room: 'room', to: A}))).toBe('SIGNAL_NOT_JOINED');
    expect(c.link.take()).toEqual([]);
  });

  it('tells the room of states and of leaving', () => {
    const {hub, enter} = setUp();
    const [a, b] = [enter(A), enter(B)];
    b.link.take();
    hub.receive(a.session, {type: 'state', room: 'room', state: 'connected'});
    hub.receive(a.session, {type: 'leave', room: 'room'});
    expect(b.link.take()).toEqual([
      {type: 'presence', room: 'room', present: true, peer: A, state: 'connected'},
      {type: 'presence', room: 'room', present: false, peer: A, state: 'connected'},
    ]);
    expect(codeOf(() => hub.receive(a.session, {type: 'leave', room: 'room'}))).toBe('SIGNAL_NOT_JOINED');
  });

  it('gives a place to the newest connection of a peer', () => {
    const {hub, enter} = setUp();
    const [first, b] = [enter(A), enter(B)];
    const second = enter(A);
    expect(first.link.closed).toBe('replaced');
    hub.receive(b.session, {...OFFER, room: 'room', to: A});
    expect(second.link.got.at(-1)).toEqual({...OFFER, room: 'room', from: B});
    hub.lost(first.session, first.link, 0);
    expect(hub.view(1)[0]?.peers).toHaveLength(2);
  });

  it('keeps what comes for a peer whose connection dropped, and gives it to the next', () => {
    const {hub, enter} = setUp({resumeMs: 1_000});
    const [a, b] = [enter(A), enter(B)];
    b.link.take();
    hub.lost(a.session, a.link, 5_000);
    hub.receive(b.session, {...OFFER, room: 'room', to: A});
    hub.tick(5_999);
    expect(b.link.take()).toEqual([]);
    const link = new FakeConnection();
    expect(hub.resume(a.session.secret, link, [])).toBe(a.session);
    expect(link.got).toMatchObject([
      {type: 'joined', peers: [{peer: B}]},
      {type: 'offer', from: B},
    ]);
    expect(hub.sessions.waitingBytes).toBe(0);
    hub.lost(a.session, link, 6_000);
    hub.tick(7_000);
    expect(b.link.take()).toEqual([{type: 'presence', room: 'room', present: false, peer: A, state: 'new'}]);
    expect(codeOf(() => hub.resume(a.session.secret, link, []))).toBe('SIGNAL_NO_SESSION');
  });

  it('lets nobody else take up a session', () => {
    const {hub, enter} = setUp();
    const a = enter(A);
    expect(codeOf(() => hub.resume('x'.repeat(32), new FakeConnection(), []))).toBe('SIGNAL_NO_SESSION');
    expect(codeOf(() => hub.resume(a.session.secret, new FakeConnection(), [], B))).toBe('SIGNAL_NO_SESSION');
    expect(a.link.closed).toBeUndefined();
    const fresh = hub.open(new FakeConnection(), 's', 'websocket', 0);
    expect(codeOf(() => hub.resume(fresh.secret, new FakeConnection(), []))).toBe('SIGNAL_NO_SESSION');
  });

  it('drops a peer for whom too much waits', () => {
    const {hub, enter} = setUp({waitingMessages: 3});
    const [a, b] = [enter(A), enter(B)];
    hub.lost(a.session, a.link, 0);
    for (let count = 0; count < 3; count += 1) hub.receive(b.session, {...CANDIDATE, room: 'room', to: A});
    b.link.take();
    hub.receive(b.session, {...CANDIDATE, room: 'room', to: A});
    expect(b.link.take()).toMatchObject([{type: 'presence', present: false, peer: A}]);
    expect(hub.sessions.waitingBytes).toBe(0);
  });

  it.each<[string, Partial<SignalLimits>, (enter: ReturnType<typeof setUp>['enter']) => unknown]>([
    ['SIGNAL_FULL', {connections: 2}, (enter) => [enter(A), enter(B), enter(C)]],
    ['SIGNAL_FULL', {connectionsPerSource: 1}, (enter) => [enter(A, 'r', 'x'), enter(B, 'r', 'x')]],
    ['SIGNAL_FULL', {rooms: 1}, (enter) => [enter(A, 'one'), enter(B, 'two')]],
    ['SIGNAL_ROOM_FULL', {peersPerRoom: 2}, (enter) => [enter(A), enter(B), enter(C)]],
  ])('refuses with %s beyond %o', (code, limits, act) => {
    expect(codeOf(() => act(setUp(limits).enter))).toBe(code);
  });

  it('allows one connection so many rooms and one peer', () => {
    const {hub, enter} = setUp({roomsPerConnection: 2});
    const {session} = enter(A, 'one');
    const join = (who: string, room: string) => () => hub.join(session, {peer: who, room, iceServers: []});
    join(A, 'two')();
    expect(codeOf(join(A, 'three'))).toBe('SIGNAL_TOO_MANY_ROOMS');
    expect(codeOf(join(A, 'two'))).toBeUndefined();
    expect(codeOf(join(B, 'one'))).toBe('SIGNAL_IDENTITY');
  });

  it('ends connections that are in no room for too long', () => {
    const {hub, enter} = setUp({joinMs: 1_000});
    const silent = new FakeConnection();
    hub.open(silent, 's', 'websocket', 0);
    const a = enter(A);
    hub.tick(999);
    expect(silent.closed).toBeUndefined();
    hub.tick(1_000);
    expect(silent.closed).toBe('idle');
    hub.receive(a.session, {type: 'leave', room: 'room'});
    hub.tick(5_000);
    hub.tick(6_000);
    expect(a.link.closed).toBe('idle');
    expect(hub.sessions.size).toBe(0);
  });

  it('sends everybody away when it drains, and lets nobody in', () => {
    const {hub, enter} = setUp();
    const a = enter(A);
    hub.drain(1_000);
    expect(a.link.got.at(-1)).toEqual({type: 'drain', retryAfterMs: 1_000});
    expect(codeOf(() => enter(B))).toBe('SIGNAL_DRAINING');
    hub.close();
    expect(a.link.closed).toBe('stopping');
    expect([hub.sessions.size, hub.roomCount]).toEqual([0, 0]);
  });

  it('shares a room with another hub', () => {
    const told: [string, RoomEvent][] = [];
    const emptied: string[] = [];
    const options = {
      publish: (room: string, event: RoomEvent) => void told.push([room, event]),
      onEmpty: (room: string) => void emptied.push(room),
    };
    const {hub, enter} = setUp({}, options);
    hub.remote('room', 'other', {type: 'present', peer: B, state: 'new'});
    expect(hub.roomCount).toBe(0);
    const link = new FakeConnection();
    const session = hub.open(link, 's', 'websocket', 0);
    hub.join(session, {
      peer: A,
      room: 'room',
      iceServers: [],
      elsewhere: [{peer: B, state: 'connected', at: 'other'}],
    });
    expect(link.got[0]).toMatchObject({peers: [{peer: B, state: 'connected'}]});
    hub.receive(session, {...OFFER, room: 'room', to: B});
    expect(told).toEqual([
      ['room', {type: 'present', peer: A, state: 'new'}],
      ['room', {type: 'message', from: A, to: B, message: OFFER}],
    ]);
    link.take();
    hub.remote('room', 'other', {type: 'message', from: B, to: A, message: CANDIDATE});
    hub.remote('room', 'other', {type: 'present', peer: C, state: 'new'});
    hub.remote('room', 'third', {type: 'gone', peer: C});
    hub.remoteGone('other');
    expect(link.take()).toEqual([
      {...CANDIDATE, room: 'room', from: B},
      {type: 'presence', room: 'room', present: true, peer: C, state: 'new'},
      {type: 'presence', room: 'room', present: false, peer: B, state: 'connected'},
      {type: 'presence', room: 'room', present: false, peer: C, state: 'new'},
    ]);
    hub.remote('room', 'other', {type: 'present', peer: A, state: 'new'});
    expect(link.closed).toBe('replaced');
    expect(emptied).toEqual(['room']);
    expect(hub.roomCount).toBe(0);
    enter(A);
  });

  it('is empty after 10,000 joins and leaves, and its memory does not grow', () => {
    const {hub, enter} = setUp();
    const round = (): void => {
      for (let number = 0; number < 10_000; number += 1) {
        const {session, link} = enter(peer(number % 200), `room${number % 97}`);
        if (number % 3 === 0) hub.receive(session, {type: 'leave', room: `room${number % 97}`});
        if (number % 3 === 1) hub.lost(session, link, 0);
        else hub.end(session);
        if (number % 100 === 0) hub.tick(1e9);
      }
      hub.tick(1e9);
    };
    round();
    const before = process.memoryUsage().heapUsed;
    round();
    expect([hub.sessions.size, hub.roomCount, hub.sessions.waitingBytes]).toEqual([0, 0, 0]);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('keeps its books, whatever happens in whatever order', () => {
    const who = fc.nat(3);
    const where = fc.constantFrom('r1', 'r2', 'r3');
    const step = fc.oneof(
      fc.record({act: fc.constant('join' as const), who, where, fresh: fc.boolean()}),
      fc.record({act: fc.constant('leave' as const), who, where}),
      fc.record({act: fc.constant('lose' as const), who}),
      fc.record({act: fc.constant('resume' as const), who}),
      fc.record({act: fc.constant('send' as const), who, where, to: who}),
      fc.record({act: fc.constant('remote' as const), who, where, gone: fc.boolean()}),
      fc.record({act: fc.constant('tick' as const)}),
    );
    fc.assert(
      fc.property(fc.array(step, {maxLength: 60}), (steps) => {
        const {hub} = setUp({resumeMs: 2, waitingMessages: 3, roomsPerConnection: 2, peersPerRoom: 3});
        const current = new Map<number, {session: Session; link: FakeConnection}>();
        let nowMs = 0;
        const open = (number: number) => {
          const link = new FakeConnection();
          const opened = {link, session: hub.open(link, 's', 'websocket', nowMs)};
          current.set(number, opened);
          return opened;
        };
        for (const next of steps) {
          nowMs += 1;
          try {
            if (next.act === 'tick') hub.tick(nowMs);
            else if (next.act === 'remote') {
              const event = next.gone
                ? ({type: 'gone', peer: peer(next.who)} as const)
                : ({type: 'present', peer: peer(next.who), state: 'new'} as const);
              hub.remote(next.where, 'other', event);
            } else {
              const mine = current.get(next.who) ?? open(next.who);
              if (next.act === 'join') {
                const {session} = next.fresh ? open(next.who) : mine;
                hub.join(session, {peer: peer(next.who), room: next.where, iceServers: []});
              } else if (next.act === 'lose') hub.lost(mine.session, mine.link, nowMs);
              else if (next.act === 'resume') {
                const link = new FakeConnection();
                current.set(next.who, {link, session: hub.resume(mine.session.secret, link, [])});
              } else if (next.act === 'leave') hub.receive(mine.session, {type: 'leave', room: next.where});
              else hub.receive(mine.session, {...OFFER, room: next.where, to: peer(next.to)});
            }
          } catch (error) {
            if (!(error instanceof QuiverError)) throw error;
          }
          const sessions = new Set(hub.sessions);
          for (const {room, peers} of hub.view(10)) {
            expect(peers.length).toBeLessThanOrEqual(3);
            expect(peers.some(({face}) => face !== 'elsewhere')).toBe(true);
            expect(new Set(peers.map((member) => member.peer)).size).toBe(peers.length);
            for (const {peer: name, face} of peers) {
              if (face === 'elsewhere') continue;
              expect([...sessions].filter((session) => session.peer === name && session.rooms.has(room))).toHaveLength(
                1,
              );
            }
          }
          expect([...sessions].reduce((sum, session) => sum + session.waitingBytes, 0)).toBe(hub.sessions.waitingBytes);
        }
        for (const session of hub.sessions) hub.end(session);
        expect([hub.roomCount, hub.sessions.size, hub.sessions.waitingBytes]).toEqual([0, 0, 0]);
      }),
      {numRuns: 300},
    );
  });
});
