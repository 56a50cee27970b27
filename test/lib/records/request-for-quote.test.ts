import {peerIdFromPrivateKey} from '@libp2p/peer-id';
import {describe, expect, it} from 'vitest';

import {
  createRequestId,
  openRequestForQuote,
  REQUEST_FOR_QUOTE_LIFE_MS,
  REQUEST_FOR_QUOTE_MAX_BYTES,
  sealRequestForQuote,
} from '../../../src/lib/records/request-for-quote.ts';
import type {RequestForQuote} from '../../../src/lib/records/request-for-quote.ts';
import {LOCAL_NETWORK, peerKey} from '../../support/records.ts';

const NOW = 1_800_000_000_000;
const client = peerIdFromPrivateKey(peerKey).toString();

function request(changes: Partial<RequestForQuote> = {}): RequestForQuote {
  return {
    id: createRequestId(),
    client,
    network: LOCAL_NETWORK,
    wanted: {model: 'llama3.2'},
    maxTokens: 256,
    promptTokens: 12,
    promptBytes: 50,
    issuedAt: NOW,
    deadline: NOW + 2_000,
    replyTopic: `/quiver/local/bids/1/${client}`,
    ...changes,
  };
}

describe('a request for quote', () => {
  it.each<Partial<RequestForQuote>>([
    {},
    {wanted: {modelDigest: `sha256:${'ab'.repeat(32)}`}},
    {wanted: {capability: 'embeddings'}, maxPriceIn: 0n, maxPriceOut: 2n ** 128n - 1n},
    {maxPriceIn: 12n},
  ])('comes back as it was: %o', async (changes) => {
    const sent = request(changes);
    expect(await openRequestForQuote(await sealRequestForQuote(sent, peerKey), {now: NOW})).toEqual(sent);
  });

  it('fits 512 bytes at its largest', async () => {
    const largest = request({
      wanted: {model: 'x'.repeat(128)},
      network: {chainId: Number.MAX_SAFE_INTEGER, settlement: `0x${'ff'.repeat(20)}`},
      maxTokens: 2 ** 32 - 1,
      promptTokens: 2 ** 32 - 1,
      promptBytes: 2 ** 32 - 1,
      maxPriceIn: 2n ** 128n - 1n,
      maxPriceOut: 2n ** 128n - 1n,
      replyTopic: `/quiver/${'n'.repeat(32)}/bids/1/${client}`,
    });
    const bytes = await sealRequestForQuote(largest, peerKey);
    expect(bytes.length).toBeLessThanOrEqual(REQUEST_FOR_QUOTE_MAX_BYTES);
  });

  it.each<[RegExp, Partial<RequestForQuote>]>([
    [/field id/, {id: new Uint8Array(15)}],
    [/field wanted/, {wanted: {model: ''}}],
    [/field wanted/, {wanted: {modelDigest: 'sha256:1'}}],
    [/field wanted/, {wanted: {modelDigest: ''}}],
    [/field wanted/, {wanted: {capability: ''}}],
    [/field max_tokens/, {maxTokens: 0}],
    [/field max_price_in/, {maxPriceIn: 2n ** 128n}],
    [/field reply_topic/, {replyTopic: 'x'.repeat(129)}],
  ])('cannot be made out of bounds: %s', async (reason, changes) => {
    await expect(sealRequestForQuote(request(changes), peerKey)).rejects.toThrow(reason);
  });

  it('ends at its deadline, and cannot ask to wait for long', async () => {
    const bytes = await sealRequestForQuote(request(), peerKey);
    await expect(openRequestForQuote(bytes, {now: NOW + 123_000})).rejects.toMatchObject({code: 'RECORD_EXPIRED'});
    await expect(openRequestForQuote(bytes, {now: NOW - 123_000})).rejects.toMatchObject({code: 'CLOCK'});
    const patient = request({deadline: NOW + REQUEST_FOR_QUOTE_LIFE_MS + 1});
    const patientBytes = await sealRequestForQuote(patient, peerKey);
    await expect(openRequestForQuote(patientBytes, {now: NOW})).rejects.toThrow(/longer than 60 s/);
  });
});
