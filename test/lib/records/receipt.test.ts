import {toBinary} from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {toHex} from '../../../src/lib/core/bytes.ts';
import {toJson} from '../../../src/lib/core/json.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {SignedReceiptSchema} from '../../../src/lib/records/gen/receipt_pb.js';
import {receiptFromJson, receiptToJson} from '../../../src/lib/records/receipt-json.ts';
import {
  costOf,
  decodeReceipt,
  encodeReceipt,
  RECEIPT_MAX_BYTES,
  receiptDigest,
  receiptSigner,
  signReceipt,
} from '../../../src/lib/records/receipt.ts';
import {fromBinary} from '@bufbuild/protobuf';
import {anyReceipt, goodReceipt, paymentKey, signedReceipt, uint128, uint32} from '../../support/records.ts';

describe('a receipt', () => {
  it('comes back from its bytes and from its JSON as it was, still signed', () => {
    fc.assert(
      fc.property(anyReceipt, (receipt) => {
        const signed = signReceipt(receipt, paymentKey);
        const bytes = encodeReceipt(signed);
        expect(bytes.length).toBeLessThan(1_000);
        expect(decodeReceipt(bytes)).toEqual(signed);
        expect(receiptFromJson(JSON.parse(toJson(receiptToJson(signed))))).toEqual(signed);
        expect(receiptSigner(decodeReceipt(bytes))).toBe(paymentKey.address);
      }),
    );
  });

  it('has one digest, whatever form it went through', () => {
    const signed = signedReceipt();
    const digest = toHex(receiptDigest(signed.receipt));
    expect(toHex(receiptDigest(decodeReceipt(encodeReceipt(signed)).receipt))).toBe(digest);
    expect(receiptToJson(signed).digest).toBe(digest);
  });

  it('is signed only by the key it names', () => {
    const other = paymentKeyFromBytes(generatePaymentSecret());
    expect(() => signReceipt(goodReceipt(), other)).toThrow(/another payment address/);
  });

  it('names the first field that is out of bounds', () => {
    expect(() => signReceipt(goodReceipt({quantisation: 'ü'}), paymentKey)).toThrow(/field quantisation/);
    expect(() => signReceipt(goodReceipt({client: 'somebody'}), paymentKey)).toThrow(/field client/);
    expect(() => signReceipt(goodReceipt({modelDigest: 'sha256:AB'}), paymentKey)).toThrow(/field modelDigest/);
    expect(() => signReceipt(goodReceipt({tokensIn: 2 ** 32}), paymentKey)).toThrow(/field tokensIn/);
  });
});

describe('the bytes of a receipt', () => {
  const broken = (change: (message: ReturnType<typeof read>) => void): Uint8Array => {
    const message = read();
    change(message);
    return toBinary(SignedReceiptSchema, message);
  };
  const read = () => fromBinary(SignedReceiptSchema, encodeReceipt(signedReceipt()));

  it.each<[string, (message: ReturnType<typeof read>) => void]>([
    ['empty', (message) => delete message.receipt],
    ['version is 2', (message) => (message.receipt!.version = 2)],
    ['signature has 64 bytes', (message) => (message.signature = message.signature.subarray(1))],
    ['chain_id', (message) => (message.chainId = 0n)],
    ['chain_id', (message) => (message.chainId = 2n ** 60n)],
    ['settlement', (message) => (message.settlement = new Uint8Array(19))],
    ['requestId', (message) => (message.receipt!.requestId = new Uint8Array(15))],
    ['client', (message) => (message.receipt!.client = new Uint8Array(0))],
    ['priceIn', (message) => (message.receipt!.priceIn = new Uint8Array(17).fill(1))],
    ['priceIn', (message) => (message.receipt!.priceIn = Uint8Array.of(0, 1))],
    ['finish', (message) => Object.assign(message.receipt!, {finish: 9})],
    ['error', (message) => (message.receipt!.error = '\u001b[2J')],
    ['issuedAt', (message) => (message.receipt!.issuedAt = 2n ** 63n)],
  ])('are refused when its %s', (reason, change) => {
    expect(() => decodeReceipt(broken(change))).toThrow(
      expect.objectContaining({code: 'RECORD_INVALID', message: expect.stringContaining(reason) as string}),
    );
  });

  it('are refused when they are too many', () => {
    expect(() => decodeReceipt(new Uint8Array(RECEIPT_MAX_BYTES + 1))).toThrow(/more than 2048/);
  });

  it('may have fields that a later version adds', () => {
    const later = Uint8Array.from([...encodeReceipt(signedReceipt()), 0xfa, 0x07, 0x01, 0x2a]);
    expect(decodeReceipt(later).receipt.tokensOut).toBe(34);
  });
});

describe('the JSON of a receipt', () => {
  const changed = (path: string, value: unknown): unknown => {
    const json = JSON.parse(toJson(receiptToJson(signedReceipt()))) as Record<string, Record<string, unknown>>;
    const [outer, inner] = path.split('.') as [string, string?];
    if (inner === undefined) (json as Record<string, unknown>)[outer] = value;
    else json[outer]![inner] = value;
    return json;
  };

  it.each<[string, unknown]>([
    ['type', 'quiver.receipt.v2'],
    ['domain', undefined],
    ['domain.name', 'other'],
    ['domain.chainId', '1'],
    ['domain.verifyingContract', '0x12'],
    ['receipt', []],
    ['receipt.cost', 12],
    ['receipt.cost', '-1'],
    ['receipt.cost', '1e3'],
    ['receipt.nonce', '18446744073709551616'],
    ['receipt.tokensIn', '12'],
    ['receipt.requestHash', '0x12'],
    ['receipt.paymentAddress', '0x'],
    ['receipt.finish', 'toString'],
    ['receipt.version', 2],
    ['signature', '0x'],
    ['digest', `0x${'00'.repeat(32)}`],
  ])('is refused when %s is %j', (path, value) => {
    expect(() => receiptFromJson(changed(path, value))).toThrow(expect.objectContaining({code: 'RECORD_INVALID'}));
  });

  it.each([null, 1, 'text', [], {}])('is not %j', (json) => {
    expect(() => receiptFromJson(json)).toThrow(expect.objectContaining({code: 'RECORD_INVALID'}));
  });
});

describe('the cost', () => {
  it('is rounded up to the next base unit', () => {
    const prices = {priceIn: 1n, priceOut: 0n};
    expect(costOf({tokensIn: 0, tokensOut: 5, ...prices})).toBe(0n);
    expect(costOf({tokensIn: 1, tokensOut: 0, ...prices})).toBe(1n);
    expect(costOf({tokensIn: 1_000, tokensOut: 0, ...prices})).toBe(1n);
    expect(costOf({tokensIn: 1_001, tokensOut: 0, ...prices})).toBe(2n);
  });

  it('is at most one base unit above the exact one, and never below', () => {
    fc.assert(
      fc.property(uint32, uint32, uint128, uint128, (tokensIn, tokensOut, priceIn, priceOut) => {
        const exact = BigInt(tokensIn) * priceIn + BigInt(tokensOut) * priceOut;
        const cost = costOf({tokensIn, tokensOut, priceIn, priceOut});
        expect(cost * 1_000n >= exact && (cost - 1n) * 1_000n < exact).toBe(true);
      }),
    );
  });
});
