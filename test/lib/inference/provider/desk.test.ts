import pino from 'pino';
import {beforeEach, describe, expect, it} from 'vitest';

import {generatePaymentSecret, paymentKeyFromBytes} from '../../../../src/lib/core/secp256k1.ts';
import {Catalogue} from '../../../../src/lib/inference/provider/catalogue.ts';
import {Desk} from '../../../../src/lib/inference/provider/desk.ts';
import {openBid} from '../../../../src/lib/records/bid.ts';
import {peerFromKey} from '../../../../src/lib/records/peer-key.ts';
import type {RequestForQuote, Wanted} from '../../../../src/lib/records/request-for-quote.ts';
import {ScriptedBackend} from '../../../support/scripted-backend.ts';

const NOW = 1_800_000_000_000;
const ZERO = `0x${'0'.repeat(40)}`;
const network = {chainId: 31_337, settlement: ZERO};
const {signal} = new AbortController();
const request = (wanted: Wanted, more: Partial<RequestForQuote> = {}): RequestForQuote => ({
  id: new Uint8Array(16),
  client: 'someone',
  network,
  wanted,
  maxTokens: 100,
  promptTokens: 10,
  promptBytes: 40,
  issuedAt: NOW,
  deadline: NOW + 1_000,
  replyTopic: '',
  ...more,
});

let backend: ScriptedBackend;
let catalogue: Catalogue;
let desk: Desk;
beforeEach(async () => {
  backend = new ScriptedBackend({slots: 1});
  catalogue = new Catalogue([backend, new ScriptedBackend({model: 'dead', tokens: () => []})], pino({level: 'silent'}));
  await catalogue.probe(signal);
  desk = new Desk({
    catalogue,
    provider: peerFromKey(new Uint8Array(32).fill(7)),
    paymentKey: paymentKeyFromBytes(generatePaymentSecret()),
    network,
    asset: ZERO,
    prices: {priceIn: 10n, priceOut: 20n},
    maxTokens: 1_000,
    maxPromptBytes: 1_000,
  });
});

describe('the desk', () => {
  it('offers what works, and hands the same bid out again while it is true', () => {
    const {bids} = desk.quote(undefined, NOW);
    expect(bids).toHaveLength(1);
    const {bid, digest} = openBid(bids[0]!, {now: NOW});
    expect(bid).toMatchObject({
      model: 'parrot:latest',
      priceIn: 10n,
      priceOut: 20n,
      slotsFree: 1,
      validUntil: NOW + 60_000,
    });
    expect(desk.quote(request({model: 'parrot'}), NOW + 20_000).bids[0]).toBe(bids[0]);
    expect(desk.quote(request({model: 'parrot'}), NOW + 20_001).bids[0]).not.toBe(bids[0]);
    expect(desk.quote(request({modelDigest: bid.modelDigest}), NOW).bids).toHaveLength(1);
    expect(desk.quote(request({capability: 'chat'}), NOW).bids).toHaveLength(1);
    expect(desk.honoured(digest, NOW + 90_000)?.model).toBe('parrot:latest');
    expect(desk.honoured(digest, NOW + 90_001)).toBeUndefined();
    expect(desk.honoured(new Uint8Array(32), NOW)).toBeUndefined();
  });

  it.each<[string, RequestForQuote]>([
    ['NO_MODEL', request({model: 'dead'})],
    ['NO_MODEL', request({capability: 'embeddings'})],
    ['PRICE', request({model: 'parrot'}, {maxPriceIn: 9n})],
    ['PRICE', request({model: 'parrot'}, {maxPriceOut: 19n})],
    ['LIMITS', request({model: 'parrot'}, {maxTokens: 1_001})],
    ['LIMITS', request({model: 'parrot'}, {promptBytes: 1_001})],
  ])('refuses with %s', (refusal, asked) => {
    expect(desk.quote(asked, NOW)).toEqual({bids: [], refusal});
  });

  it('says that it is busy, and that it closes', async () => {
    const {admission} = catalogue.engines[0]!;
    await admission.enter(signal);
    expect(openBid(desk.quote(request({model: 'parrot'}), NOW).bids[0]!, {now: NOW}).bid.slotsFree).toBe(0);
    void admission.enter(signal);
    expect(desk.quote(request({model: 'parrot'}), NOW)).toMatchObject({refusal: 'BUSY', retryAfterMs: 1_000});
    desk.closed = true;
    expect(desk.quote(undefined, NOW)).toEqual({bids: [], refusal: 'DRAINING'});
  });
});

describe('the catalogue', () => {
  it('takes a back end out that fails and in again when it works', async () => {
    expect(catalogue.engines.map(({fault}) => fault)).toEqual([undefined, 'it made no token']);
    backend.script = {tokens: () => []};
    await catalogue.probe(signal);
    expect(catalogue.listings()).toEqual([]);
    expect(catalogue.load()).toEqual({active: 0, queued: 0, slots: 0});
    backend.script = {};
    await catalogue.probe(signal);
    expect(catalogue.listings().map(({name}) => name)).toEqual(['parrot:latest']);
    catalogue.suspect(catalogue.engines[0]!, 'it refused a connection');
    expect(catalogue.find('parrot')).toBeUndefined();
  });
});
