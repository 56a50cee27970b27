import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {LineReader} from '../../../src/lib/signal/lines.ts';
import {audienceOf, MESSAGE_MAX_BYTES, readClientMessage, readServerMessage} from '../../../src/lib/signal/protocol.ts';
import type {ClientMessage, ServerMessage} from '../../../src/lib/signal/protocol.ts';
import {readRemoteMember, readToldEvent, writeToldEvent} from '../../../src/lib/signal/room-bus.ts';
import {CANDIDATE, OFFER} from './support/signal.ts';

const A = peerFromKey(new Uint8Array(32).fill(1));
const B = peerFromKey(new Uint8Array(32).fill(2));
const session = 'a'.repeat(32);

const CLIENT: ClientMessage[] = [
  {type: 'join', room: 'did:peers:alice'},
  {type: 'join', room: 'r', token: 'abc'},
  {type: 'resume', session},
  {type: 'leave', room: 'r'},
  {type: 'state', room: 'r', state: 'failed'},
  {...OFFER, room: 'r', to: A},
  {...CANDIDATE, room: 'r', to: A, sdpMid: '0', sdpMLineIndex: 3, usernameFragment: 'u', session: 's'} as ClientMessage,
];

const SERVER: ServerMessage[] = [
  {type: 'joined', room: 'r', self: A, session, peers: [{peer: B, state: 'new'}], iceServers: [{urls: ['stun:a:1']}]},
  {...OFFER, room: 'r', from: A},
  {type: 'presence', room: 'r', present: false, peer: B, state: 'connected'},
  {type: 'error', code: 'SIGNAL_RATE', message: 'Too many', fix: 'Wait.', of: 'offer', room: 'r', to: A},
  {type: 'drain', retryAfterMs: 1_000},
];

/** JSON with one of its characters replaced, a field replaced by anything, or anything at all. */
function broken(originals: readonly object[]): fc.Arbitrary<string> {
  const original = fc.constantFrom(...originals.map((message) => JSON.stringify(message)));
  const edited = fc
    .tuple(original, fc.nat(500), fc.nat(5), fc.string({maxLength: 4, unit: 'binary'}))
    .map(([text, at, cut, put]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut));
  const replaced = fc
    .tuple(fc.constantFrom(...originals), fc.nat(20), fc.jsonValue())
    .map(([message, index, value]) => {
      const keys = Object.keys(message);
      return JSON.stringify({...message, [keys[index % keys.length]!]: value});
    });
  return fc.oneof(edited, replaced, fc.json(), fc.string({unit: 'binary', maxLength: 200}));
}

/** Every text is either read or refused, and what was read is read again to the same. */
function holds<T>(read: (text: string) => T, write: (value: T) => string, texts: fc.Arbitrary<string>): void {
  fc.assert(
    fc.property(texts, (text) => {
      let value: T;
      try {
        value = read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(QuiverError);
        return;
      }
      expect(read(write(value))).toEqual(value);
    }),
    {numRuns: 3_000},
  );
}

describe('messages on the wire', () => {
  it.each(CLIENT)('of clients are read as they were written: %o', (message) => {
    expect(readClientMessage(JSON.stringify({...message, from: B, extra: [1]}))).toEqual(message);
  });

  it.each(SERVER)('of servers are read as they were written: %o', (message) => {
    expect(readServerMessage(JSON.stringify(message))).toEqual(message);
  });

  it('are refused or read, whatever they are', () => {
    holds(readClientMessage, JSON.stringify, broken(CLIENT));
    holds(readServerMessage, JSON.stringify, broken(SERVER));
    const told = [
      {at: 'x', event: 'present', peer: A, state: 'new'},
      {at: 'x', event: 'gone', peer: A},
      {...OFFER, at: 'x', event: 'message', from: A, to: B},
    ];
    holds(readToldEvent, writeToldEvent, broken(told));
    holds(readRemoteMember, JSON.stringify, broken([{at: 'x', peer: A, state: 'new'}]));
  });

  it('carry no prototype, and their names are none', () => {
    expect(() => readClientMessage('{"type":"join","room":"__proto__"}')).toThrow(/room/);
    expect(readClientMessage('{"type":"join","room":"constructor","__proto__":{"token":"x"}}')).toEqual({
      type: 'join',
      room: 'constructor',
    });
  });

  it.each<[string, object]>([
    ['a room with a slash', {type: 'join', room: 'a/b'}],
    ['a room of 129 characters', {type: 'join', room: 'r'.repeat(129)}],
    ['a token that is too long', {type: 'join', room: 'r', token: 'x'.repeat(1_025)}],
    ['a receiver that is no peer', {...OFFER, room: 'r', to: 'all'}],
    ['a peer id with a wrong check', {...OFFER, room: 'r', to: `${A.slice(0, -1)}!`}],
    ['an unknown type', {type: 'eval', room: 'r'}],
    ['an unknown state', {type: 'state', room: 'r', state: 'closed'}],
  ])('are refused with %s', (_what, message) => {
    expect(() => readClientMessage(JSON.stringify(message))).toThrow(expect.objectContaining({code: 'SIGNAL_INVALID'}));
  });

  it('are bounded in their length before they are parsed', () => {
    expect(() => readClientMessage(`{"type":"join","room":"r","x":"${'x'.repeat(MESSAGE_MAX_BYTES)}"}`)).toThrow(
      /bytes/,
    );
    expect(() => readClientMessage('['.repeat(60_000))).toThrow(expect.objectContaining({code: 'SIGNAL_INVALID'}));
  });

  it('show people nothing that acts on a terminal', () => {
    const error = {type: 'error', code: 'X', message: 'a\u001b[31m\u202eb', fix: 'c\n'};
    expect(readServerMessage(JSON.stringify(error))).toMatchObject({message: 'a [31m b', fix: 'c '});
  });

  it('fit with the largest SDP that is allowed', () => {
    const sdp = `v=0\r\n${'a=x\r\n'.repeat(13_106)}`;
    const message = {type: 'offer', sdp, room: 'r'.repeat(128), to: A};
    expect(Buffer.byteLength(sdp)).toBeGreaterThan(65_500);
    expect(() => readClientMessage(JSON.stringify(message))).toThrow(/bytes/);
    const usual = {
      ...message,
      sdp: `v=0\r\n${'a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host\r\n'.repeat(1_100)}`,
    };
    expect(readClientMessage(JSON.stringify(usual))).toEqual(usual);
  });

  it('name a server by host and port', () => {
    expect(audienceOf(new URL('wss://Signal.example.org'))).toBe('signal.example.org:443');
    expect(audienceOf(new URL('http://[::1]'))).toBe('[::1]:80');
    expect(audienceOf(new URL('ws://127.0.0.1:8081/x'))).toBe('127.0.0.1:8081');
  });
});

describe('lines', () => {
  it('come out as they went in, however they are cut', () => {
    const line = fc.string({unit: 'grapheme', maxLength: 40}).map((text) => text.replaceAll('\n', ''));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.integer({min: 1, max: 30}), {minLength: 1}), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const reader = new LineReader(1_000);
        const out: string[] = [];
        for (let at = 0, index = 0; at < bytes.length; index += 1) {
          const size = cuts[index % cuts.length]!;
          out.push(...reader.push(bytes.subarray(at, at + size)));
          at += size;
        }
        expect(out).toEqual(lines.map((text) => text.toWellFormed()));
      }),
    );
  });

  it('are refused when they are too long or no UTF-8', () => {
    expect(() => new LineReader(10).push(Buffer.alloc(11, 65))).toThrow(/more than 10/);
    const reader = new LineReader(10);
    reader.push(Buffer.alloc(6, 65));
    expect(() => reader.push(Buffer.alloc(6, 65))).toThrow(/more than 10/);
    expect(() => new LineReader(10).push(Buffer.of(0xff, 0x0a))).toThrow(/UTF-8/);
  });
});
