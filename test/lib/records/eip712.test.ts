import {TypedDataEncoder, Wallet, verifyTypedData} from 'ethers';
import * as fc from 'fast-check';
import {base58btc} from 'multiformats/bases/base58';
import {describe, expect, it} from 'vitest';

import {toHex} from '../../../src/lib/core/bytes.ts';
import {addressFromBytes, generatePaymentSecret, paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {bidDigest, bidStruct} from '../../../src/lib/records/bid.ts';
import {domainSeparator, structDigest} from '../../../src/lib/records/eip712.ts';
import type {Network} from '../../../src/lib/records/eip712.ts';
import {peerBindingStruct} from '../../../src/lib/records/manifest.ts';
import {receiptDigest, receiptStruct, signReceipt} from '../../../src/lib/records/receipt.ts';
import {voucherDigest, voucherStruct} from '../../../src/lib/records/voucher.ts';
import {
  address,
  anyBid,
  anyReceipt,
  bytes,
  LOCAL_NETWORK,
  network,
  peer,
  uint128,
  uint32,
} from '../../support/records.ts';

const FINISHES = ['running', 'stop', 'length', 'cancelled', 'error'];

/** The types as a wallet is given them, from the type string alone. */
function typesOf(type: string): Record<string, {name: string; type: string}[]> {
  const [, name = '', members = ''] = /^(\w+)\((.*)\)$/.exec(type) ?? [];
  return {[name]: members.split(',').map((member) => ({type: member.split(' ')[0]!, name: member.split(' ')[1]!}))};
}

const domainOf = ({chainId, settlement}: Network): object => ({
  name: 'quiver',
  version: '1',
  chainId,
  verifyingContract: settlement,
});

/** What docs/protocol.md says of each field that is not signed as it stands, written a second time. */
function messageOf(value: object): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === 'modelDigest') {
      const [scheme, hex] = String(field).split(':');
      message['modelDigestScheme'] = ['', 'sha256', 'ollama'].indexOf(scheme!);
      message[name] = `0x${hex ?? '0'.repeat(64)}`;
    } else if (name === 'client' || name === 'provider' || name === 'peer') {
      message[name] = toHex(base58btc.baseDecode(String(field)).slice(6));
    } else if (name === 'quantisation' || name === 'error') {
      message[name] = `0x${Buffer.from(String(field), 'ascii').toString('hex').padEnd(64, '0')}`;
    } else if (name === 'finish') {
      message[name] = FINISHES.indexOf(String(field));
    } else if (name !== 'network') {
      message[name] = field instanceof Uint8Array ? toHex(field) : field;
    }
  }
  return message;
}

const ethersDigest = (type: string, value: object, on: Network): string =>
  TypedDataEncoder.hash(domainOf(on), typesOf(type), messageOf(value));

describe('the digests that are signed are those of another EIP-712 implementation', () => {
  it('for receipts', () => {
    fc.assert(
      fc.property(anyReceipt, (receipt) => {
        expect(toHex(receiptDigest(receipt))).toBe(ethersDigest(receiptStruct.type, receipt, receipt.network));
      }),
    );
  });

  it('for bids', () => {
    fc.assert(
      fc.property(anyBid, (bid) => {
        expect(toHex(bidDigest(bid))).toBe(ethersDigest(bidStruct.type, bid, bid.network));
      }),
    );
  });

  it('for vouchers', () => {
    const voucher = fc.record({
      channelId: bytes(32),
      epoch: uint32,
      nonce: fc.bigInt({min: 0n, max: 2n ** 64n - 1n}),
      balance: uint128,
    });
    fc.assert(
      fc.property(voucher, network, (value, on) => {
        expect(toHex(voucherDigest(value, on))).toBe(ethersDigest(voucherStruct.type, value, on));
      }),
    );
  });

  it('for the binding of a payment address to a peer', () => {
    fc.assert(
      fc.property(fc.record({peer, paymentAddress: address}), network, (value, on) => {
        expect(toHex(structDigest(peerBindingStruct, value, on))).toBe(ethersDigest(peerBindingStruct.type, value, on));
      }),
    );
  });

  it('for every struct’s type and every domain', () => {
    for (const {name, type, typeHash} of [receiptStruct, bidStruct, voucherStruct, peerBindingStruct]) {
      const encoder = TypedDataEncoder.from(typesOf(type));
      expect(encoder.encodeType(name)).toBe(type);
      expect(toHex(typeHash)).toBe(encoder.encodeData(name, zeroes(type)).slice(0, 66));
    }
    fc.assert(
      fc.property(network, (on) => {
        expect(toHex(domainSeparator(on))).toBe(TypedDataEncoder.hashDomain(domainOf(on)));
      }),
    );
  });
});

function zeroes(type: string): Record<string, unknown> {
  const zero = (solidity: string): unknown => {
    if (solidity === 'address') return addressFromBytes(new Uint8Array(20));
    if (solidity === 'string') return '';
    return solidity.startsWith('bytes') ? `0x${'00'.repeat(Number(solidity.slice(5)))}` : 0;
  };
  return Object.fromEntries(Object.values(typesOf(type))[0]!.map((member) => [member.name, zero(member.type)]));
}

describe('signatures', () => {
  it('of receipts are accepted by a wallet library, and the other way round', async () => {
    const secret = generatePaymentSecret();
    const key = paymentKeyFromBytes(secret);
    const wallet = new Wallet(toHex(secret));
    const types = typesOf(receiptStruct.type);
    for (const sample of fc.sample(anyReceipt, 10)) {
      const receipt = {...sample, paymentAddress: key.address};
      const {signature} = signReceipt(receipt, key);
      const [domain, message] = [domainOf(receipt.network), messageOf(receipt)];
      expect(verifyTypedData(domain, types, message, toHex(signature))).toBe(key.address);
      expect(await wallet.signTypedData(domain, types, message)).toBe(toHex(signature));
    }
  });
});

describe('fields out of bounds are named', () => {
  const voucher = {channelId: new Uint8Array(32), epoch: 0, nonce: 0n, balance: 0n};
  it.each([
    ['channelId', {channelId: new Uint8Array(31)}],
    ['epoch', {epoch: -1}],
    ['epoch', {epoch: 2 ** 32}],
    ['epoch', {epoch: 0.5}],
    ['epoch', {epoch: Number.NaN}],
    ['nonce', {nonce: -1n}],
    ['nonce', {nonce: 2n ** 64n}],
    ['balance', {balance: 2n ** 128n}],
  ])('%s in %o', (field, changes) => {
    expect(() => voucherDigest({...voucher, ...changes}, LOCAL_NETWORK)).toThrow(new RegExp(`field ${field} `));
  });

  it.each([
    ['chainId', {chainId: 0}],
    ['chainId', {chainId: 2 ** 53}],
    ['settlement', {settlement: '0x00'}],
  ])('%s in %o', (field, changes) => {
    expect(() => voucherDigest(voucher, {...LOCAL_NETWORK, ...changes})).toThrow(new RegExp(`field ${field} `));
  });
});
