import {create, toBinary} from '@bufbuild/protobuf';
import {generateKeyPair} from '@libp2p/crypto/keys';
import {peerIdFromPrivateKey} from '@libp2p/peer-id';
import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {sealEnvelope} from '../../../src/lib/records/envelope.ts';
import {SignalTokenSchema} from '../../../src/lib/records/gen/signal_token_pb.js';
import {readSignalMessage, SDP_MAX_BYTES} from '../../../src/lib/records/signal-message.ts';
import {openSignalToken, sealSignalToken, SIGNAL_TOKEN_LIFE_MS} from '../../../src/lib/records/signal-token.ts';
import {peerKey} from '../../support/records.ts';

const NOW = 1_800_000_000_000;
const self = peerIdFromPrivateKey(peerKey).toString();
const wanted = {protocol: '/quiver/local/signal/1.0.0', room: 'did:peers:alice', audience: 'signal.example.org:443'};

describe('a signalling token', () => {
  it.each([wanted, {...wanted, audience: ''}, {...wanted, room: 'r'.repeat(128), audience: 'h'.repeat(261)}])(
    'comes back as it was: %o',
    async (token) => {
      const opened = await openSignalToken(await sealSignalToken(token, peerKey, {now: NOW}), {now: NOW});
      expect(opened).toMatchObject({...token, peer: self, issuedAt: NOW, expiresAt: NOW + SIGNAL_TOKEN_LIFE_MS});
      expect(opened.nonce.length).toBe(16);
    },
  );

  it('has another nonce each time', async () => {
    const [a, b] = await Promise.all([sealSignalToken(wanted, peerKey), sealSignalToken(wanted, peerKey)]);
    expect(a).not.toBe(b);
  });

  it.each([
    [{...wanted, room: ''}, /field room/],
    [{...wanted, room: '../x'}, /field room/],
    [{...wanted, room: 'r'.repeat(129)}, /field room/],
    [{...wanted, protocol: ''}, /field protocol/],
    [{...wanted, audience: 'h'.repeat(262)}, /field audience/],
  ])('is not made out of bounds: %o', async (token, problem) => {
    await expect(sealSignalToken(token, peerKey)).rejects.toThrow(problem);
  });

  it.each([
    ['in time', 0, undefined],
    ['30 s after its end', SIGNAL_TOKEN_LIFE_MS + 30_000, undefined],
    ['more than 30 s after its end', SIGNAL_TOKEN_LIFE_MS + 30_001, 'RECORD_EXPIRED'],
    ['30 s before it was made', -30_000, undefined],
    ['more than 30 s before it was made', -30_001, 'CLOCK'],
  ])('counts %s', async (_when, afterMs, code) => {
    const token = await sealSignalToken(wanted, peerKey, {now: NOW});
    const opened = openSignalToken(token, {now: NOW + afterMs}).then(
      () => undefined,
      (error: unknown) => (error as QuiverError).code,
    );
    expect(await opened).toBe(code);
  });

  it('may not live longer than five minutes', async () => {
    const token = await sealSignalToken(wanted, peerKey, {now: NOW, lifeMs: SIGNAL_TOKEN_LIFE_MS + 1});
    await expect(openSignalToken(token, {now: NOW})).rejects.toThrow(/lives longer/);
  });

  it('is refused when another kind of record was signed, or by another kind of key', async () => {
    const message = create(SignalTokenSchema, {...wanted, nonce: new Uint8Array(16), issuedAt: 1n, expiresAt: 2n});
    const payload = toBinary(SignalTokenSchema, message);
    const kind = {record: 'x', domain: 'quiver-manifest', payloadType: '/quiver/signal-token/1', maxBytes: 1024};
    const other = await sealEnvelope(kind, payload, peerKey);
    await expect(openSignalToken(Buffer.from(other).toString('base64url'))).rejects.toThrow(/envelope/);
    const secp = await generateKeyPair('secp256k1');
    await expect(sealSignalToken(wanted, secp).then((token) => openSignalToken(token))).rejects.toThrow();
  });

  it('is refused, never worse, when anything in it was changed', async () => {
    const right = await sealSignalToken(wanted, peerKey);
    const signed = await openSignalToken(right);
    const alphabet = fc.constantFrom(...'ABCxyz019-_=+/ .'.split(''));
    await fc.assert(
      fc.asyncProperty(fc.nat(right.length - 1), alphabet, fc.nat(3), async (at, put, cut) => {
        const broken = right.slice(0, at) + put + right.slice(at + cut);
        fc.pre(broken !== right);
        const opened: unknown = await openSignalToken(broken).catch((error: unknown) => error);
        // libp2p's envelope is read the same with a few other bits in its tags; what was signed is the same then.
        if (!(opened instanceof QuiverError)) expect(opened).toEqual(signed);
      }),
      {numRuns: 300},
    );
    await fc.assert(
      fc.asyncProperty(fc.string({maxLength: 3_000, unit: 'binary'}), async (text) => {
        await expect(openSignalToken(text)).rejects.toBeInstanceOf(QuiverError);
      }),
      {numRuns: 200},
    );
  });
});

describe('what peers tell each other', () => {
  const read = (fields: object) => readSignalMessage(new Map(Object.entries(fields)));

  it.each([
    {type: 'offer', sdp: 'v=0\r\n'},
    {type: 'answer', sdp: 'v=0\r\n', session: 'abc'},
    {type: 'ice-candidate', candidate: ''},
    {type: 'ice-candidate', candidate: 'candidate:1 1 UDP 1 192.0.2.1 1 typ host', sdpMid: '0', sdpMLineIndex: 0},
  ])('is taken and copied: %o', (message) => {
    expect(read({...message, from: 'x', extra: {}})).toEqual(message);
  });

  it('may have null for what is absent, as browsers write it', () => {
    const candidate = {type: 'ice-candidate', candidate: 'candidate:1', sdpMid: null, usernameFragment: null};
    expect(read(candidate)).toEqual({type: 'ice-candidate', candidate: 'candidate:1'});
  });

  it.each([
    {type: 'join'},
    {type: 'offer'},
    {type: 'offer', sdp: ''},
    {type: 'offer', sdp: 'v=0\0'},
    {type: 'offer', sdp: `v=0${'é'.repeat(SDP_MAX_BYTES / 2)}`},
    {type: 'offer', sdp: 'v=0', session: 'x'.repeat(257)},
    {type: 'ice-candidate'},
    {type: 'ice-candidate', candidate: 'a\r\nb'},
    {type: 'ice-candidate', candidate: 'x'.repeat(1_025)},
    {type: 'ice-candidate', candidate: '', sdpMLineIndex: 256},
    {type: 'ice-candidate', candidate: '', sdpMLineIndex: -1},
    {type: 'ice-candidate', candidate: '', sdpMid: 3},
  ])('is refused: %o', (message) => {
    expect(() => read(message)).toThrow(expect.objectContaining({code: 'SIGNAL_INVALID'}));
  });
});
