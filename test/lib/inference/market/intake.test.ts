import {generateKeyPair} from '@libp2p/crypto/keys';
import {create} from '@bufbuild/protobuf';
import type {PrivateKey} from '@libp2p/interface';
import {describe, expect, it} from 'vitest';

import {generatePaymentSecret, paymentKeyFromBytes} from '../../../../src/lib/core/secp256k1.ts';
import {Intake, MAX_OTHERS} from '../../../../src/lib/inference/market/intake.ts';
import {BID_VERSION, signBid} from '../../../../src/lib/records/bid.ts';
import type {Bid} from '../../../../src/lib/records/bid.ts';
import {MarketReplySchema} from '../../../../src/lib/records/gen/frames_pb.js';
import {sealManifest} from '../../../../src/lib/records/manifest.ts';
import type {ManifestInput} from '../../../../src/lib/records/manifest.ts';
import {peerFromKey} from '../../../../src/lib/records/peer-key.ts';
import {createRequestId, sealRequestForQuote} from '../../../../src/lib/records/request-for-quote.ts';

const NOW = 1_800_000_000_000;
const ZERO = `0x${'0'.repeat(40)}`;
const ours = {chainId: 31_337, settlement: ZERO};
const theirs = {chainId: 137, settlement: ZERO};

async function provider() {
  const peerKey = await generateKeyPair('Ed25519');
  const paymentKey = paymentKeyFromBytes(generatePaymentSecret());
  const peerId = peerFromKey(peerKey.publicKey.raw);
  const model = {name: 'llama:latest', contextTokens: 1, priceIn: 1n, priceOut: 1n, slots: 1};
  const manifest = (more: Partial<ManifestInput> = {}): Promise<Uint8Array> =>
    sealManifest(
      {
        network: ours,
        models: [model],
        load: {active: 0, queued: 0, slots: 1},
        region: '',
        agentVersion: '',
        addresses: [],
        issuedAt: NOW,
        expiresAt: NOW + 180_000,
        sequence: 1,
        ...more,
      },
      peerKey,
      paymentKey,
    );
  const bid = (more: Partial<Bid> = {}, key = paymentKey): Uint8Array =>
    signBid(
      {
        version: BID_VERSION,
        network: ours,
        provider: peerId,
        paymentAddress: key.address,
        model: 'llama:latest',
        modelDigest: '',
        quantisation: '',
        priceIn: 1n,
        priceOut: 1n,
        asset: ZERO,
        slotsFree: 1,
        firstTokenMs: 1,
        issuedAt: NOW,
        validUntil: NOW + 60_000,
        ...more,
      },
      key,
    );
  return {peerId, manifest, bid};
}

describe('manifests', () => {
  it('are kept until they are three rounds old, the latest only', async () => {
    const intake = new Intake(ours);
    const {peerId, manifest} = await provider();
    expect(await intake.manifest(await manifest({sequence: 5}), peerId, NOW)).toBe('accept');
    expect(await intake.manifest(await manifest({sequence: 4}), peerId, NOW)).toBe('ignore');
    expect(intake.manifests.get(peerId, NOW)?.sequence).toBe(5);
    expect(intake.manifests.serving('llama', NOW)).toHaveLength(1);
    expect(intake.manifests.serving('other', NOW)).toEqual([]);
    expect(intake.manifests.get(peerId, NOW + 179_999)).toBeDefined();
    expect(intake.manifests.get(peerId, NOW + 180_000)).toBeUndefined();
    expect(intake.manifests.all(NOW + 180_000)).toEqual([]);
  });

  it('of another network, too many of one peer, and those that have ended are dropped; broken ones are rejected', async () => {
    const intake = new Intake(ours);
    const {peerId, manifest} = await provider();
    expect(await intake.manifest(await manifest({network: theirs}), peerId, NOW)).toBe('ignore');
    expect(await intake.manifest(await manifest(), peerId, NOW + 3_600_000)).toBe('ignore');
    expect(await intake.manifest(await manifest(), peerId, NOW - 3_600_000)).toBe('ignore');
    const broken = await manifest();
    broken[broken.length - 1]! ^= 1;
    expect(await intake.manifest(broken, peerId, NOW)).toBe('reject');
    const busy = new Intake(ours);
    const verdicts: string[] = [];
    for (let sequence = 10; sequence < 20; sequence += 1)
      verdicts.push(await busy.manifest(await manifest({sequence}), peerId, NOW));
    expect(verdicts.filter((verdict) => verdict === 'accept')).toHaveLength(6);
  });
});

describe('gossip in the name of others', () => {
  it('is rejected: a record that somebody else publishes again', async () => {
    const intake = new Intake(ours);
    const {peerId, manifest, bid} = await provider();
    const other = await provider();
    expect(await intake.manifest(await manifest(), other.peerId, NOW)).toBe('reject');
    const copied = create(MarketReplySchema, {manifest: await manifest(), bids: [bid()]});
    expect(await intake.gossipedReply(copied, other.peerId, NOW)).toEqual({verdict: 'reject', offers: []});
    expect(await intake.gossipedReply(copied, peerId, NOW)).toMatchObject({verdict: 'accept'});
  });

  it('has a bound for each that costs no look at a signature', async () => {
    const intake = new Intake(ours);
    const garbage = create(MarketReplySchema, {manifest: new Uint8Array(500)});
    const verdicts: string[] = [];
    for (let count = 0; count < 100; count += 1)
      verdicts.push((await intake.gossipedReply(garbage, 'one', NOW)).verdict);
    expect(verdicts.filter((verdict) => verdict === 'reject')).toHaveLength(60);
    expect((await intake.gossipedReply(garbage, 'another', NOW)).verdict).toBe('reject');
  });
});

describe('requests for quote', () => {
  const author = (peerKey: PrivateKey) => ({from: peerFromKey(peerKey.publicKey.raw), by: 'gossip'}) as const;

  const request = async (more: {network?: typeof ours; deadline?: number} = {}) => {
    const peerKey = await generateKeyPair('Ed25519');
    const bytes = await sealRequestForQuote(
      {
        id: createRequestId(),
        network: ours,
        wanted: {model: 'llama'},
        maxTokens: 1,
        promptTokens: 1,
        promptBytes: 1,
        issuedAt: NOW,
        deadline: NOW + 3_000,
        replyTopic: '',
        ...more,
      },
      peerKey,
    );
    return {bytes, by: author(peerKey)};
  };

  it('are taken once by gossip, in time, of our network', async () => {
    const intake = new Intake(ours);
    const {bytes, by} = await request();
    expect(await intake.request(bytes, by, NOW)).toMatchObject({
      verdict: 'accept',
      request: {wanted: {model: 'llama'}},
    });
    expect(await intake.request(bytes, by, NOW)).toEqual({verdict: 'ignore'});
    expect(await intake.request(bytes, {...by, by: 'stream'}, NOW)).toMatchObject({verdict: 'accept'});
    const late = await request();
    expect(await intake.request(late.bytes, late.by, NOW + 3_001)).toEqual({verdict: 'ignore'});
    const foreign = await request({network: theirs});
    expect(await intake.request(foreign.bytes, foreign.by, NOW)).toEqual({verdict: 'ignore'});
    expect(await intake.request(new Uint8Array(600), by, NOW)).toEqual({verdict: 'reject'});
    // Nobody asks in another's name.
    expect(await intake.request((await request()).bytes, by, NOW)).toEqual({verdict: 'reject'});
  });

  it('of one client are limited', async () => {
    const intake = new Intake(ours);
    const key = await generateKeyPair('Ed25519');
    const verdicts = new Map<string, number>();
    for (let count = 0; count < 30; count += 1) {
      const bytes = await sealRequestForQuote(
        {
          id: createRequestId(),
          network: ours,
          wanted: {capability: 'chat'},
          maxTokens: 1,
          promptTokens: 1,
          promptBytes: 1,
          issuedAt: NOW,
          deadline: NOW + 1_000,
          replyTopic: '',
        },
        key,
      );
      const {verdict} = await intake.request(bytes, author(key), NOW);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    expect(Object.fromEntries(verdicts)).toEqual({accept: 20, ignore: 10});
  });
});

describe('replies', () => {
  const reply = (fields: {manifest?: Uint8Array; bids?: Uint8Array[]; others?: Uint8Array[]}) =>
    create(MarketReplySchema, fields);

  it('bring offers that live for 60 s from their arrival, one for each provider', async () => {
    const intake = new Intake(ours);
    const one = await provider();
    const two = await provider();
    for (const each of [one, two]) {
      const {verdict} = await intake.reply(
        reply({manifest: await each.manifest(), bids: [each.bid()]}),
        each.peerId,
        NOW,
      );
      expect(verdict).toBe('accept');
    }
    expect(intake.bids.live('llama', NOW).map((offer) => offer.provider)).toEqual([one.peerId, two.peerId]);
    expect(intake.bids.live('other', NOW)).toEqual([]);
    // A later bid of a provider takes the place of the one before, an earlier one does not.
    await intake.reply(
      reply({
        manifest: await one.manifest(),
        bids: [one.bid({priceIn: 9n, issuedAt: NOW + 10, validUntil: NOW + 50_000})],
      }),
      one.peerId,
      NOW,
    );
    await intake.reply(reply({manifest: await one.manifest(), bids: [one.bid()]}), one.peerId, NOW);
    expect(intake.bids.live('llama', NOW).find((offer) => offer.provider === one.peerId)?.signed.bid.priceIn).toBe(9n);
    expect(intake.bids.live('llama', NOW + 57_999)).toHaveLength(1);
    expect(intake.bids.live('llama', NOW + 58_000)).toEqual([]);
  });

  it('are refused whole when anything in them is not of who sends them', async () => {
    const {peerId, manifest, bid} = await provider();
    const other = await provider();
    const cases = [
      reply({manifest: await manifest(), bids: [bid(), other.bid()]}),
      reply({manifest: await other.manifest(), bids: [other.bid()]}),
      reply({manifest: await manifest(), bids: [bid({}, paymentKeyFromBytes(generatePaymentSecret()))]}),
      reply({manifest: await manifest(), bids: [bid({network: theirs})]}),
      reply({manifest: await manifest(), bids: Array.from({length: 17}, () => bid())}),
      reply({manifest: await manifest(), bids: [new Uint8Array(10)]}),
    ];
    for (const each of cases) {
      const intake = new Intake(ours);
      expect(await intake.reply(each, peerId, NOW)).toEqual({verdict: 'reject', offers: []});
      expect(intake.bids.live('', NOW)).toEqual([]);
    }
  });

  it('with a wrong clock are ignored, and the reason is kept', async () => {
    const intake = new Intake(ours);
    const {peerId, manifest, bid} = await provider();
    expect(
      await intake.reply(reply({manifest: await manifest(), bids: [bid()]}), peerId, NOW - 3_600_000),
    ).toMatchObject({verdict: 'ignore'});
    expect(intake.faults.get(peerId)?.error.code).toBe('CLOCK');
  });

  it('hand on manifests of others, of which the bad ones are left out', async () => {
    const intake = new Intake(ours);
    const hub = await provider();
    const others = await Promise.all(Array.from({length: MAX_OTHERS + 5}, provider));
    const sealed = await Promise.all(others.map((each, at) => each.manifest(at === 0 ? {network: theirs} : {})));
    await intake.reply(reply({others: [new Uint8Array(5), ...sealed]}), hub.peerId, NOW);
    expect(intake.manifests.all(NOW)).toHaveLength(MAX_OTHERS - 2);
    const passed = intake.manifests.sealed('llama', {count: 4, bytes: 100_000}, NOW);
    expect(passed).toHaveLength(4);
    expect(intake.manifests.sealed('llama', {count: 40, bytes: 2 * passed[0]!.length + 50}, NOW)).toHaveLength(2);
    expect(intake.manifests.sealed('other', {count: 4, bytes: 100_000}, NOW)).toEqual([]);
  });
});
