import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import * as attributes from '../../../src/lib/stun/attributes.ts';
import {readErrorCode, writeErrorCode, writeUnknownAttributes} from '../../../src/lib/stun/error-code.ts';
import {readAddress, readXorAddress, writeAddress, writeXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {readUnknownAttributes, writeChannelNumber, writeEvenPort} from '../../support/stun-attributes.ts';

const id = fc.uint8Array({minLength: 12, maxLength: 12});
const address = fc.record({
  bytes: fc.oneof(fc.uint8Array({minLength: 4, maxLength: 4}), fc.uint8Array({minLength: 16, maxLength: 16})),
  port: fc.integer({min: 0, max: 0xffff}),
});

describe('addresses', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(address, id, (one, transactionId) => {
        expect(readAddress(writeAddress(one))).toEqual(one);
        expect(readXorAddress(writeXorAddress(one, transactionId), transactionId)).toEqual(one);
        expect(writeXorAddress(one, transactionId).subarray(4, 8)).not.toEqual(one.bytes.subarray(0, 4));
      }),
    );
  });

  it.each([
    '',
    '0001',
    '0001000001020304ff',
    '00010000010203',
    '0002000001020304',
    `0001${'00'.repeat(18)}`,
    `0002${'00'.repeat(22)}`,
    '0003000001020304',
  ])('are not %j', (hex) => expect(readAddress(Buffer.from(hex, 'hex'))).toBeUndefined());
});

describe('error codes', () => {
  it('are read as they were written, with a reason or, by default, without', () => {
    expect(writeErrorCode(438)).toEqual(Buffer.from('00000426', 'hex'));
    for (let code = 300; code < 700; code++) expect(readErrorCode(writeErrorCode(code))).toEqual({code, reason: ''});
    expect(readErrorCode(writeErrorCode(401, 'Who are you?'))).toEqual({code: 401, reason: 'Who are you?'});
  });

  it.each(['', '000004', '00000200', '00000700', '00000464'])('are not %j', (hex) =>
    expect(readErrorCode(Buffer.from(hex, 'hex'))).toBeUndefined(),
  );

  it('list unknown attributes', () => {
    expect(readUnknownAttributes(writeUnknownAttributes([0x24, 0x7fff]))).toEqual([0x24, 0x7fff]);
    expect(readUnknownAttributes(Buffer.from('002401', 'hex'))).toEqual([0x24]);
  });
});

describe('what a client asks for', () => {
  const {readLifetime, readChannelNumber, readRequestedTransport, readEvenPort, readAddressFamily} = attributes;

  it('LIFETIME has seconds', () => {
    expect(readLifetime(Buffer.from('ffffffff', 'hex'))).toBe(4_294_967_295);
    expect(readLifetime(Buffer.alloc(3))).toBeUndefined();
  });

  it('CHANNEL-NUMBER is from 0x4000 to 0x4FFF', () => {
    for (const channel of [0x4000, 0x4fff]) {
      expect(readChannelNumber(writeChannelNumber(channel))).toBe(channel);
    }
    for (const channel of [0, 0x3fff, 0x5000, 0x7fff, 0xffff]) {
      expect(readChannelNumber(writeChannelNumber(channel))).toBeUndefined();
    }
    expect(readChannelNumber(Buffer.from('4000', 'hex'))).toBeUndefined();
  });

  it('REQUESTED-TRANSPORT, EVEN-PORT and the address families', () => {
    expect(readRequestedTransport(attributes.writeRequestedTransport(6))).toBe(6);
    expect(readRequestedTransport(Buffer.alloc(5))).toBeUndefined();
    expect([true, false].map((reserve) => readEvenPort(writeEvenPort(reserve)))).toEqual([true, false]);
    expect(readEvenPort(Buffer.alloc(0))).toBeUndefined();
    expect(readAddressFamily(attributes.writeAddressFamily(4))).toBe(4);
    expect(readAddressFamily(attributes.writeAddressFamily(6))).toBe(6);
    expect(readAddressFamily(Buffer.from('03000000', 'hex'))).toBe('unknown');
    expect(readAddressFamily(Buffer.from('01', 'hex'))).toBeUndefined();
  });

  it('CHANGE-REQUEST', () => {
    for (const change of [
      {address: true, port: true},
      {address: false, port: true},
      {address: true, port: false},
    ]) {
      expect(attributes.readChangeRequest(attributes.writeChangeRequest(change))).toEqual(change);
    }
    expect(attributes.readChangeRequest(Buffer.alloc(8))).toBeUndefined();
  });
});

describe('PASSWORD-ALGORITHMS', () => {
  const {md5, sha256} = attributes.PASSWORD_ALGORITHM;
  const read = (hex: string) => attributes.readPasswordAlgorithms(Buffer.from(hex, 'hex'));

  it('are read in the order they were written in', () => {
    expect(attributes.readPasswordAlgorithms(attributes.writePasswordAlgorithms(sha256, md5))).toEqual([2, 1]);
    expect(attributes.readPasswordAlgorithm(attributes.writePasswordAlgorithms(sha256))).toBe(2);
    expect(attributes.readPasswordAlgorithm(attributes.writePasswordAlgorithms(sha256, md5))).toBeUndefined();
  });

  it('may have parameters, padded but for the last', () => {
    expect(read('0009000501020304050000000002 0000'.replace(' ', ''))).toEqual([9, 2]);
    expect(read('000900050102030405')).toEqual([9]);
    expect(read('0009000501020304')).toBeUndefined();
    expect(read('000100')).toBeUndefined();
    expect(read('')).toEqual([]);
    expect(read('00010000'.repeat(9))).toBeUndefined();
  });
});
