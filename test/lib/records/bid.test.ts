import {create, fromBinary, toBinary} from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../src/lib/core/errors.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {BID_LIFE_MS, BID_MAX_BYTES, bidDigest, openBid, signBid} from '../../../src/lib/records/bid.ts';
import {SignedBidSchema} from '../../../src/lib/records/gen/bid_pb.js';
import {anyBid, paymentKey} from '../../support/records.ts';

const NOW = 1_800_000_000_000;
const liveBid = anyBid.map((bid) => ({...bid, issuedAt: NOW, validUntil: NOW + BID_LIFE_MS}));
const bid = fc.sample(liveBid, 1)[0]!;

describe('a bid', () => {
  it('comes back as it was, with its signer and its digest', () => {
    fc.assert(
      fc.property(liveBid, (sent) => {
        const opened = openBid(signBid(sent, paymentKey), {now: NOW});
        expect(opened.bid).toEqual(sent);
        expect(opened.signer).toBe(paymentKey.address);
        expect(opened.digest).toEqual(bidDigest(sent));
      }),
    );
  });

  it('is signed only by the key it names, and believed only then', () => {
    const other = paymentKeyFromBytes(generatePaymentSecret());
    expect(() => signBid(bid, other)).toThrow(/another payment address/);
    const message = fromBinary(SignedBidSchema, signBid(bid, paymentKey));
    message.signature = other.sign(bidDigest(bid));
    expect(() => openBid(toBinary(SignedBidSchema, message), {now: NOW})).toThrow(/not by the payment address/);
  });

  it('lives 60 s at most, with two minutes for clocks that differ', () => {
    const bytes = signBid(bid, paymentKey);
    expect(() => openBid(bytes, {now: NOW + 179_000})).not.toThrow();
    expect(() => openBid(bytes, {now: NOW + 181_000})).toThrow(expect.objectContaining({code: 'RECORD_EXPIRED'}));
    expect(() => openBid(bytes, {now: NOW - 121_000})).toThrow(expect.objectContaining({code: 'CLOCK'}));
    const longer = signBid({...bid, validUntil: NOW + BID_LIFE_MS + 1}, paymentKey);
    expect(() => openBid(longer, {now: NOW})).toThrow(/longer than 60 s/);
  });

  it('is refused when it is empty, too long, or of another version', () => {
    expect(() => openBid(toBinary(SignedBidSchema, create(SignedBidSchema)))).toThrow(/is empty/);
    expect(() => openBid(new Uint8Array(BID_MAX_BYTES + 1))).toThrow(/more than 1024/);
    expect(() => openBid(signBid({...bid, version: 2}, paymentKey), {now: NOW})).toThrow(/version is 2/);
  });

  it('is refused when a changed bit changes what it says', () => {
    const bytes = signBid(bid, paymentKey);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (index, bit) => {
        const changed = Uint8Array.from(bytes);
        changed[index]! ^= 1 << bit;
        // Protobuf has several spellings of one message.
        try {
          expect(openBid(changed, {now: NOW})).toEqual(openBid(bytes, {now: NOW}));
        } catch (error) {
          expect(error).toBeInstanceOf(QuiverError);
        }
      }),
      {numRuns: 300},
    );
  });
});
