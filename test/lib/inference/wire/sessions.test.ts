import {create} from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {FrameSchema} from '../../../../src/lib/records/gen/frames_pb.js';
import type {Frame} from '../../../../src/lib/records/gen/frames_pb.js';
import {CANCEL_GRACE_MS, CREDIT_WINDOW_BYTES, MAX_CREDIT_BYTES} from '../../../../src/lib/inference/limits.ts';
import {ClientSession} from '../../../../src/lib/inference/wire/client-session.ts';
import {
  decode,
  decodeQuestion,
  encode,
  encodeQuestion,
  frame,
  splitText,
} from '../../../../src/lib/inference/wire/frames.ts';
import type {FrameBody} from '../../../../src/lib/inference/wire/frames.ts';
import {FrameReader, ProtocolViolation} from '../../../../src/lib/inference/wire/framing.ts';
import {ProviderSession} from '../../../../src/lib/inference/wire/provider-session.ts';

const deadlines = {firstTokenMs: 100, tokenGapMs: 50, totalMs: 1_000};
const open = {requestId: new Uint8Array(16), question: new Uint8Array(1)};
const receipt = Uint8Array.of(7);
/** A piece of so many bytes, as the reader has taken it. */
const read = (bytes: number) => ({type: 'delta', text: '', tokens: 1, bytes}) as const;

/** What one side queued, through the wire format. */
function wire(frames: readonly Frame[]): Frame[] {
  return new FrameReader(1 << 20)
    .push(new Uint8Array(Buffer.concat(frames.map((item) => encode(item)))))
    .map((bytes) => decode(bytes));
}

function pair() {
  const client = new ClientSession();
  const provider = new ProviderSession({maxInFlight: 4});
  return {
    client,
    provider,
    toProvider: () => wire(client.take()).flatMap((item) => provider.receive(item)),
    toClient: (now = 0) => wire(provider.take()).flatMap((item) => client.receive(item, now)),
  };
}

describe('a question and its answer', () => {
  it('joins pieces that are queued together, and keeps the order of receipts', () => {
    const {client, provider, toProvider, toClient} = pair();
    const request = client.open(open, deadlines, 0);
    expect(toProvider()).toMatchObject([{type: 'start', request, open: {credit: CREDIT_WINDOW_BYTES}}]);
    provider.delta(request, 'a', 1);
    provider.delta(request, 'b', 1);
    provider.receipt(request, receipt);
    provider.delta(request, 'c', 1);
    provider.end(request, 'stop', receipt);
    expect(toClient().map(({event}) => event)).toEqual([
      {type: 'delta', text: 'ab', tokens: 2, bytes: 2},
      {type: 'receipt', receipt},
      {type: 'delta', text: 'c', tokens: 1, bytes: 1},
      {type: 'end', finish: 'stop', receipt},
    ]);
    expect([client.inFlight, provider.inFlight]).toEqual([0, 0]);
  });

  it('keeps several requests apart and refuses one too many', () => {
    const {client, provider, toProvider, toClient} = pair();
    const requests = Array.from({length: 5}, () => client.open(open, deadlines, 0));
    expect(toProvider()).toHaveLength(4);
    provider.delta(2, 'two', 1);
    provider.delta(1, 'one', 1);
    expect(toClient()).toEqual([
      {request: 5, event: expect.objectContaining({type: 'failure', code: 'TOO_MANY_REQUESTS', retryAfterMs: 1_000})},
      {request: 2, event: expect.objectContaining({text: 'two'})},
      {request: 1, event: expect.objectContaining({text: 'one'})},
    ]);
    expect(requests).toEqual([1, 2, 3, 4, 5]);
  });

  it('stops sending at the end of the credit and goes on when the reader has read', () => {
    const {client, provider, toProvider, toClient} = pair();
    const request = client.open(open, deadlines, 0);
    toProvider();
    const piece = 'x'.repeat(CREDIT_WINDOW_BYTES / 4);
    let sent = 0;
    for (; provider.credit(request) > 0; sent += 1) provider.delta(request, piece, 1);
    expect(sent).toBe(4);
    const events = toClient();
    expect(events.length).toBeGreaterThan(0);
    client.consumed(request, read(piece.length), 1);
    expect(toProvider()).toEqual([]);
    client.consumed(request, read(piece.length), 1);
    expect(toProvider()).toEqual([{type: 'credit', request}]);
    expect(provider.credit(request)).toBe(CREDIT_WINDOW_BYTES / 2);
  });

  it('cancels: pieces on the way still count, the last receipt is awaited, late frames are ignored', () => {
    const {client, provider, toProvider, toClient} = pair();
    const request = client.open(open, deadlines, 0);
    toProvider();
    provider.delta(request, 'a', 1);
    client.cancel(request, 10);
    client.cancel(request, 11);
    expect(toProvider()).toEqual([{type: 'cancel', request}]);
    provider.end(request, 'cancelled', receipt);
    expect(toClient().map(({event}) => event.type)).toEqual(['delta', 'end']);
    client.cancel(request, 12);
    expect(client.take()).toEqual([]);
  });
});

describe('what needs no credit', () => {
  it('is bounded too: receipts and pieces without text that nobody reads', () => {
    const flood = (body: () => FrameBody) => {
      const client = new ClientSession();
      const request = client.open(open, deadlines, 0);
      for (let count = 0; count < 200_000; count += 1) client.receive(frame(request, body()), 1);
    };
    expect(() => flood(() => ({case: 'receipt', value: {receipt: new Uint8Array(1_000)}}))).toThrow(ProtocolViolation);
    expect(() => flood(() => ({case: 'delta', value: {text: '', tokens: 1}}))).toThrow(ProtocolViolation);
  });

  it('and is forgotten once it is read', () => {
    const client = new ClientSession();
    const request = client.open(open, deadlines, 0);
    for (let count = 0; count < 20_000; count += 1) {
      const value = {receipt: new Uint8Array(1_000)};
      for (const {event} of client.receive(frame(request, {case: 'receipt', value}), 1))
        client.consumed(request, event, 1);
    }
  });

  it('a client that asks on and reads nothing is cut off', () => {
    const provider = new ProviderSession({maxInFlight: 1});
    const ask = (request: number) => provider.receive(frame(request, {case: 'open', value: {}}));
    for (let request = 1; request <= 4_000; request += 1) ask(request);
    expect(() => {
      for (let request = 4_001; request <= 10_000; request += 1) ask(request);
    }).toThrow(ProtocolViolation);
    // Whoever reads may go on asking.
    const other = new ProviderSession({maxInFlight: 1});
    for (let request = 1; request <= 10_000; request += 1) {
      other.receive(frame(request, {case: 'open', value: {}}));
      other.take();
    }
  });
});

describe('deadlines', () => {
  it('names the phase that took too long, once', () => {
    const client = new ClientSession();
    client.open(open, deadlines, 0);
    expect(client.nextDeadline()).toBe(100);
    expect(client.advance(99)).toEqual([]);
    expect(client.advance(100)).toEqual([{request: 1, event: {type: 'timeout', phase: 'first-token'}}]);
    expect(client.nextDeadline()).toBeUndefined();
    expect(client.take().map(({body}) => body.case)).toEqual(['open', 'cancel']);
  });

  it('waits between tokens, but not while its own reader is slow', () => {
    const client = new ClientSession();
    const request = client.open(open, deadlines, 0);
    const piece = 'x'.repeat(CREDIT_WINDOW_BYTES / 2);
    client.receive(frame(request, {case: 'delta', value: {text: piece, tokens: 1}}), 90);
    expect(client.nextDeadline()).toBe(140);
    client.receive(frame(request, {case: 'delta', value: {text: piece, tokens: 1}}), 91);
    expect(client.advance(500)).toEqual([]);
    client.consumed(request, read(CREDIT_WINDOW_BYTES), 500);
    expect(client.advance(549)).toEqual([]);
    expect(client.advance(550)).toMatchObject([{event: {phase: 'token-gap'}}]);
  });

  it('has a last word on the whole answer and on a cancel that nobody answers', () => {
    const client = new ClientSession();
    client.open(open, {...deadlines, firstTokenMs: 5_000}, 0);
    expect(client.advance(1_000)).toMatchObject([{event: {phase: 'total'}}]);
    const second = client.open(open, deadlines, 2_000);
    client.cancel(second, 2_001);
    expect(client.advance(2_001 + CANCEL_GRACE_MS)).toMatchObject([{request: second, event: {phase: 'cancel'}}]);
  });
});

describe('a peer that breaks the protocol', () => {
  const client = () => {
    const session = new ClientSession();
    session.open(open, deadlines, 0);
    return session;
  };
  it.each<[string, Frame]>([
    ['a request never opened', frame(2, {case: 'delta', value: {text: 'a', tokens: 1}})],
    ['request number 0', frame(0, {case: 'end', value: {}})],
    ['a piece with nothing in it', frame(1, {case: 'delta', value: {}})],
    ['a piece over its bound', frame(1, {case: 'delta', value: {text: 'x'.repeat(40_000), tokens: 1}})],
    ['a client frame from a provider', frame(1, {case: 'cancel', value: {}})],
    ['an empty frame', create(FrameSchema, {request: 1})],
  ])('client resets at %s', (_name, bad) => {
    expect(() => client().receive(bad, 0)).toThrow(ProtocolViolation);
  });

  it('client resets at more text than it granted', () => {
    const session = client();
    const text = 'x'.repeat(32 * 1024);
    session.receive(frame(1, {case: 'delta', value: {text, tokens: 1}}), 0);
    session.receive(frame(1, {case: 'delta', value: {text, tokens: 1}}), 0);
    expect(() => session.receive(frame(1, {case: 'delta', value: {text, tokens: 1}}), 0)).toThrow(/credit/);
  });

  it.each<[string, Frame[]]>([
    ['a request number used twice', [frame(1, {case: 'open', value: open}), frame(1, {case: 'open', value: open})]],
    ['a cancel for the future', [frame(3, {case: 'cancel', value: {}})]],
    ['a provider frame from a client', [frame(1, {case: 'delta', value: {text: 'a', tokens: 1}})]],
    [
      'endless credit',
      [frame(1, {case: 'open', value: open}), frame(1, {case: 'credit', value: {bytes: MAX_CREDIT_BYTES + 1}})],
    ],
  ])('provider resets at %s', (_name, frames) => {
    const provider = new ProviderSession();
    expect(() => frames.map((item) => provider.receive(item))).toThrow(ProtocolViolation);
  });

  it('neither side throws anything else, whatever arrives', () => {
    const body = fc.oneof(
      fc.record({case: fc.constant('open' as const), value: fc.record({credit: fc.nat(), question: fc.uint8Array()})}),
      fc.record({case: fc.constant('delta' as const), value: fc.record({text: fc.string(), tokens: fc.nat(3)})}),
      fc.record({case: fc.constant('end' as const), value: fc.record({finish: fc.string()})}),
      fc.record({case: fc.constant('failure' as const), value: fc.record({code: fc.string(), retryAfterMs: fc.nat()})}),
      fc.record({case: fc.constant('credit' as const), value: fc.record({bytes: fc.nat()})}),
      fc.record({case: fc.constant('cancel' as const), value: fc.constant({})}),
    );
    const frames = fc.array(fc.tuple(fc.nat(5), body), {maxLength: 40});
    fc.assert(
      fc.property(frames, (list) => {
        const sessions = [new ProviderSession({maxInFlight: 2}), client()] as const;
        for (const session of sessions) {
          try {
            for (const [request, item] of list)
              session.receive(
                decode(encode(frame(request, item)).subarray(1 + Number(encode(frame(request, item)).length > 128))),
                0,
              );
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolation);
          }
          expect(session.inFlight).toBeLessThanOrEqual(2);
        }
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 200}), (bytes) => {
        try {
          decode(bytes);
          decodeQuestion(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
        }
      }),
      {numRuns: 1_000},
    );
  });
});

describe('questions', () => {
  const question = {model: 'm', messages: [{role: 'user', content: 'hé'}], maxTokens: 5, temperature: 0.7} as const;

  it('come back as they were', () => {
    expect(decodeQuestion(encodeQuestion(question))).toEqual(question);
    const full = {...question, seed: 0, stop: ['\n']};
    expect(decodeQuestion(encodeQuestion(full))).toEqual(full);
  });

  it.each([
    {...question, model: ''},
    {...question, messages: []},
    {...question, maxTokens: 0},
    {...question, temperature: -1},
    {...question, temperature: Number.NaN},
    {...question, messages: [{role: 'root' as 'user', content: ''}]},
  ])('are refused when out of bounds', (bad) => {
    expect(() => decodeQuestion(encodeQuestion(bad))).toThrow(ProtocolViolation);
  });

  it('long text is cut between characters', () => {
    fc.assert(
      fc.property(fc.string({unit: 'grapheme'}), fc.integer({min: 4, max: 20}), (text, max) => {
        const pieces = splitText(text, max);
        expect(pieces.join('')).toBe(text);
        for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(max);
      }),
    );
  });
});
