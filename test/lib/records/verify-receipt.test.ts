import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {utf8} from '../../../src/lib/core/bytes.ts';
import {openBid, signBid} from '../../../src/lib/records/bid.ts';
import type {Bid} from '../../../src/lib/records/bid.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {receiptDigest, receiptStruct} from '../../../src/lib/records/receipt.ts';
import type {Receipt} from '../../../src/lib/records/receipt.ts';
import {createSalt, runningSaltedHash, saltedHash} from '../../../src/lib/records/salted-hash.ts';
import {verifyReceipt} from '../../../src/lib/records/verify-receipt.ts';
import type {ReceiptExpectations} from '../../../src/lib/records/verify-receipt.ts';
import {anyReceipt, goodReceipt, LOCAL_NETWORK, paymentKey, signedReceipt} from '../../support/records.ts';

const elsewhere = peerFromKey(new Uint8Array(32).fill(99));

function problemsOf(changes: Partial<Receipt>, expected: ReceiptExpectations = {}): string[] {
  return verifyReceipt(signedReceipt(changes), expected).problems;
}

it('finds nothing wrong with a right receipt', () => {
  expect(verifyReceipt(signedReceipt())).toEqual({ok: true, problems: []});
  expect(verifyReceipt(signedReceipt({finish: 'error', error: 'BACKEND_FAILED', tokensOut: 0, bytesOut: 0})).ok).toBe(
    true,
  );
  expect(verifyReceipt(signedReceipt({channelId: new Uint8Array(32).fill(1), nonce: 4n})).ok).toBe(true);
});

describe('a changed receipt', () => {
  const names = Object.keys(receiptStruct.fields) as (keyof typeof receiptStruct.fields)[];

  it.each([...names, 'network'] as const)('is refused when its %s is another one than was signed', (name) => {
    fc.assert(
      fc.property(anyReceipt, (other) => {
        const signed = signedReceipt();
        const value = name === 'paymentAddress' ? `0x${'11'.repeat(20)}` : name === 'version' ? 2 : other[name];
        fc.pre(JSON.stringify(plain(value)) !== JSON.stringify(plain(signed.receipt[name])));
        const {ok, problems} = verifyReceipt({...signed, receipt: {...signed.receipt, [name]: value}});
        expect(ok).toBe(false);
        expect(problems.join(' ')).toMatch(/not by the payment address|no key fits/);
      }),
      {numRuns: 5},
    );
  });

  it('is refused when any bit of its signature is another one', () => {
    fc.assert(
      fc.property(fc.nat(64), fc.nat(7), (index, bit) => {
        const signed = signedReceipt();
        const signature = Uint8Array.from(signed.signature);
        signature[index]! ^= 1 << bit;
        expect(verifyReceipt({...signed, signature}).ok).toBe(false);
      }),
    );
  });
});

const plain = (value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

describe('a receipt that its provider signed wrongly', () => {
  it.each<[RegExp, Partial<Receipt>]>([
    [/tokens times price are/, {cost: 1n}],
    [/tokens times price are/, {cost: 0n}],
    [/more than the 12 tokens in/, {cachedTokens: 13}],
    [/does not name/, {finish: 'error'}],
    [/did not end with one/, {error: 'TIMEOUT'}],
    [/Only one of payment channel and nonce/, {nonce: 1n}],
    [/Only one of payment channel and nonce/, {channelId: new Uint8Array(32).fill(1)}],
    [/later than the end/, {firstTokenMs: 91}],
    [/before the request it describes had ended/, {startedAt: Date.now() + 60_000}],
    [/in the future/, {issuedAt: Date.now() + 600_000}],
  ])('shows: %s', (problem, changes) => {
    const problems = problemsOf(changes);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('allows clocks that differ by less than two minutes', () => {
    expect(problemsOf({issuedAt: Date.now() + 110_000})).toEqual([]);
  });
});

describe('a receipt that is not the expected one', () => {
  it.each<[RegExp, ReceiptExpectations]>([
    [/not for chain 137/, {network: {...LOCAL_NETWORK, chainId: 137}}],
    [/for another request/, {requestId: new Uint8Array(16)}],
    [/names the client/, {client: elsewhere}],
    [/names the provider/, {provider: elsewhere}],
    [/names the payment address/, {paymentAddress: `0x${'11'.repeat(20)}`}],
    [/counts 34 tokens of answer, and 32 came/, {tokensReceived: 32}],
    [/takes back/, {earlier: goodReceipt({tokensOut: 35})}],
    [/takes back/, {earlier: goodReceipt({sequence: 1})}],
    [/salt of this request is not known/, {response: new Uint8Array(140)}],
    [/salt of this request is not known/, {request: new Uint8Array(1)}],
  ])('shows: %s', (problem, expected) => {
    const problems = problemsOf({}, expected);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });

  it('may count one token more than came, as some engines count the end token', () => {
    expect(problemsOf({}, {tokensReceived: 33})).toEqual([]);
  });
});

describe('the accepted offer', () => {
  const now = Date.now();
  const {provider, paymentAddress, modelDigest, quantisation, priceIn, priceOut, asset} = goodReceipt();
  const bid: Bid = {
    network: LOCAL_NETWORK,
    version: 1,
    provider,
    paymentAddress,
    model: 'quiver-tiny',
    modelDigest,
    quantisation,
    priceIn,
    priceOut,
    asset,
    slotsFree: 1,
    firstTokenMs: 9,
    issuedAt: now,
    validUntil: now + 60_000,
  };
  const {digest} = openBid(signBid(bid, paymentKey));

  it('is what the receipt follows', () => {
    expect(problemsOf({offerDigest: digest}, {offer: bid})).toEqual([]);
  });

  it.each<[RegExp, Partial<Receipt>]>([
    [/does not name the offer/, {offerDigest: new Uint8Array(32)}],
    [/prices 1501 in/, {priceIn: 1_501n}],
    [/another token/, {asset: `0x${'11'.repeat(20)}`}],
    [/another model file/, {modelDigest: ''}],
    [/another quantisation/, {quantisation: 'Q4_0'}],
    [/names the provider/, {provider: elsewhere}],
    [/not for chain/, {network: {...LOCAL_NETWORK, chainId: 1}}],
  ])('is compared: %s', (problem, changes) => {
    const problems = problemsOf({offerDigest: digest, ...changes}, {offer: bid});
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(problem);
  });
});

describe('the chain', () => {
  const first = goodReceipt({requestId: new Uint8Array(16).fill(8), issuedAt: Date.now() - 5_000});
  const previous = receiptDigest(first);
  const findReceipt = (digest: Uint8Array): Receipt | undefined =>
    Buffer.compare(digest, previous) === 0 ? first : undefined;

  it('links receipts of the same two peers, in order of time', () => {
    expect(problemsOf({previous}, {findReceipt})).toEqual([]);
    expect(problemsOf({previous: new Uint8Array(32).fill(1)}, {findReceipt})).toEqual([]);
    expect(problemsOf({previous, client: elsewhere}, {findReceipt})[0]).toMatch(/between others/);
    expect(problemsOf({previous, issuedAt: first.issuedAt - 2_001}, {findReceipt})[0]).toMatch(
      /older than the previous/,
    );
  });
});

describe('salted hashes', () => {
  const salt = createSalt();
  const request = utf8('encoded question');
  const response = utf8('An answer.');
  const hashes = {requestHash: saltedHash(salt, request), responseHash: saltedHash(salt, response), bytesOut: 10};

  it('tie question and answer to the receipt', () => {
    expect(problemsOf(hashes, {salt, request, response})).toEqual([]);
    expect(problemsOf(hashes, {salt, request: utf8('another one')})[0]).toMatch(/request is not the one/);
    expect(problemsOf(hashes, {salt, response: utf8('An answer!')})[0]).toMatch(/answer is not the one/);
    expect(problemsOf(hashes, {salt, response: utf8('An answer')})).toHaveLength(2);
    expect(problemsOf(hashes, {salt: createSalt(), request, response})).toHaveLength(2);
  });

  it('can be read while the answer grows', () => {
    const hash = runningSaltedHash(salt);
    expect(hash.current()).toEqual(saltedHash(salt, utf8('')));
    hash.update(utf8('An '));
    expect(hash.current()).toEqual(saltedHash(salt, utf8('An ')));
    hash.update(utf8('answer.'));
    expect(hash.current()).toEqual(hashes.responseHash);
  });
});
