// The sample messages of RFC 5769 section 2 and of RFC 8489 appendix B.1 (as erratum 6268 corrects it).
import {describe, expect, it} from 'vitest';

import {ipText, parseIp} from '../../../src/lib/core/ip-address.ts';
import {readPasswordAlgorithm, writePasswordAlgorithms} from '../../../src/lib/stun/attributes.ts';
import {longTermKey, userHash, verifyIntegrity} from '../../../src/lib/stun/integrity.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {readXorAddress, writeXorAddress} from '../../../src/lib/stun/xor-address.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

const REQUEST = hex(`
  00010058 2112a442 b7e7a701bc34d686fa87dfae
  80220010 5354554e207465737420636c69656e74
  00240004 6e0001ff
  80290008 932ff9b151263b36
  00060009 6576746a3a68367659 202020
  00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2
  80280004 e57a3bcf`);
const IPV4_RESPONSE = hex(`
  0101003c 2112a442 b7e7a701bc34d686fa87dfae
  8022000b 7465737420766563746f72 20
  00200008 0001a147e112a643
  00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7
  80280004 c07d4c96`);
const IPV6_RESPONSE = hex(`
  01010048 2112a442 b7e7a701bc34d686fa87dfae
  8022000b 7465737420766563746f72 20
  00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9
  00080014 a382954e4be67bf11784c97c8292c275bfe3ed41
  80280004 c8fb0b4c`);
const LONG_TERM_REQUEST = hex(`
  00010060 2112a442 78ad3433c6ad72c029da412e
  00060012 e3839ee38388e383aae38383e382afe382b9 0000
  0015001c 662f2f3439396b3935346436 4f4c33346f4c394653547679363473 41
  0014000b 6578616d706c652e6f7267 00
  00080014 f67024656dd64a3e02b8e0712e85c9a28ca89666`);
const SHA256_REQUEST = hex(`
  00010090 2112a442 78ad3433c6ad72c029da412e
  001e0020 4a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704
  00150029 6f624d61744a6f7332414141 43662f2f3439396b3935346436 4f4c33346f4c394653547679363473 41 000000
  0014000b 6578616d706c652e6f7267 00
  001d0004 00020000
  001c0020 b5c7bf005b6c52a21c51c5e892f819241362 96cb927c43149309278cc6518e65`);

const ID = hex('b7e7a701bc34d686fa87dfae');
const LONG_TERM_ID = hex('78ad3433c6ad72c029da412e');
const PASSWORD = Buffer.from('VOkJxbRl1RmTxUk/WvJxBt');
const USER = 'マトリックス';
const REALM = 'example.org';
/** As SASLprep makes it of what the user typed. */
const LONG_TERM_PASSWORD = 'TheMatrIX';

const decoded = (bytes: Uint8Array) => {
  const message = decodeMessage(bytes);
  if (message === undefined) throw new Error('is not decoded');
  return message;
};
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

describe('RFC 5769', () => {
  it('2.1: a request with short-term authentication', () => {
    const message = decoded(REQUEST);
    expect([message.method, message.class]).toEqual([METHOD.binding, CLASS.request]);
    expect(Buffer.from(message.transactionId)).toEqual(ID);
    expect(text(message.attribute(ATTRIBUTE.software))).toBe('STUN test client');
    expect(text(message.attribute(ATTRIBUTE.username))).toBe('evtj:h6vY');
    // PRIORITY belongs to ICE: a server need not know it, and has to say so. ICE-CONTROLLED may be passed over.
    expect(message.unknownRequired).toEqual([0x0024]);
    expect(message.fingerprinted).toBe(true);
    expect(verifyIntegrity(message, PASSWORD)).toBe(true);
    expect(verifyIntegrity(message, Buffer.from('VOkJxbRl1RmTxUk/WvJxBT'))).toBe(false);
  });

  it.each([
    ['2.2', IPV4_RESPONSE, '192.0.2.1'],
    ['2.3', IPV6_RESPONSE, '2001:db8:1234:5678:11:2233:4455:6677'],
  ])('%s: a response with %s', (_, bytes, address) => {
    const message = decoded(bytes);
    expect([message.method, message.class]).toEqual([METHOD.binding, CLASS.success]);
    expect(text(message.attribute(ATTRIBUTE.software))).toBe('test vector');
    const mapped = readXorAddress(message.attribute(ATTRIBUTE.xorMappedAddress)!, message.transactionId)!;
    expect([ipText(mapped.bytes), mapped.port]).toEqual([address, 32_853]);
    expect(verifyIntegrity(message, PASSWORD, 'sha1')).toBe(true);
    expect(message.fingerprinted).toBe(true);
    expect(writeXorAddress({bytes: parseIp(address)!.bytes, port: 32_853}, ID)).toEqual(
      Buffer.from(message.attribute(ATTRIBUTE.xorMappedAddress)!),
    );
  });

  it('2.4: a request with long-term authentication, built again byte for byte', () => {
    const message = decoded(LONG_TERM_REQUEST);
    const key = longTermKey(USER, REALM, LONG_TERM_PASSWORD, 'md5');
    expect(text(message.attribute(ATTRIBUTE.username))).toBe(USER);
    expect(text(message.attribute(ATTRIBUTE.realm))).toBe(REALM);
    expect(text(message.attribute(ATTRIBUTE.nonce))).toBe('f//499k954d6OL34oL9FSTvy64sA');
    expect(message.fingerprinted).toBe(false);
    expect(verifyIntegrity(message, key)).toBe(true);
    expect(verifyIntegrity(message, longTermKey(USER, 'example.com', LONG_TERM_PASSWORD, 'md5'))).toBe(false);
    const built = new MessageBuilder(METHOD.binding, CLASS.request, LONG_TERM_ID)
      .add(ATTRIBUTE.username, USER)
      .add(ATTRIBUTE.nonce, 'f//499k954d6OL34oL9FSTvy64sA')
      .add(ATTRIBUTE.realm, REALM)
      .integrity(key, 'sha1')
      .build();
    expect(built).toEqual(LONG_TERM_REQUEST);
  });

  it.each([
    ['2.1', REQUEST, PASSWORD],
    ['2.2', IPV4_RESPONSE, PASSWORD],
    ['2.3', IPV6_RESPONSE, PASSWORD],
    ['2.4', LONG_TERM_REQUEST, longTermKey(USER, REALM, LONG_TERM_PASSWORD, 'md5')],
  ])('%s: any bit that differs is seen', (_, bytes, key) => {
    const original = decoded(bytes);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      const message = decodeMessage(changed);
      // A FINGERPRINT whose type has changed is another attribute.
      if (message !== undefined && original.fingerprinted) expect(message.fingerprinted).toBe(false);
      else expect(message !== undefined && verifyIntegrity(message, key)).toBe(false);
    }
  });
});

describe('RFC 8489', () => {
  it('B.1: a request with USERHASH and MESSAGE-INTEGRITY-SHA256, built again byte for byte', () => {
    const message = decoded(SHA256_REQUEST);
    const key = longTermKey(USER, REALM, LONG_TERM_PASSWORD, 'sha256');
    expect(readPasswordAlgorithm(message.attribute(ATTRIBUTE.passwordAlgorithm)!)).toBe(2);
    expect(verifyIntegrity(message, key)).toBe(true);
    expect(verifyIntegrity(message, key, 'sha256')).toBe(true);
    expect(verifyIntegrity(message, key, 'sha1')).toBe(false);
    expect(verifyIntegrity(message, longTermKey(USER, REALM, LONG_TERM_PASSWORD, 'md5'))).toBe(false);
    const built = new MessageBuilder(METHOD.binding, CLASS.request, LONG_TERM_ID)
      .add(ATTRIBUTE.userHash, userHash(USER, REALM))
      .add(ATTRIBUTE.nonce, 'obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA')
      .add(ATTRIBUTE.realm, REALM)
      .add(ATTRIBUTE.passwordAlgorithm, writePasswordAlgorithms(2))
      .integrity(key, 'sha256')
      .build();
    expect(built).toEqual(SHA256_REQUEST);
  });

  it('9.2.2: the key of user, realm and password', () => {
    expect(longTermKey('user', 'realm', 'pass', 'md5').toString('hex')).toBe('8493fbc53ba582fb4c044c456bdc40eb');
  });
});
