import {createHmac} from 'node:crypto';

import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {quoteBytes} from '../../../src/lib/dns/model/record-set.ts';
import {canonicalData} from '../../../src/lib/dns/read/canonical.ts';
import {readEntries} from '../../../src/lib/dns/read/tokens.ts';
import {WireError, WireReader, WireWriter} from '../../../src/lib/dns/wire/bytes.ts';
import {
  appendAdditional,
  CLASS,
  decodeMessage,
  encodeMessage,
  OPCODE,
  TYPE_TSIG,
  wireRecord,
} from '../../../src/lib/dns/wire/message.ts';
import {decodeData, encodeData, typeName, typeNumber} from '../../../src/lib/dns/wire/rdata.ts';
import {readDnsServer} from '../../../src/lib/dns/wire/server.ts';
import {signMessage, TsigVerifier, type TsigKey} from '../../../src/lib/dns/wire/tsig.ts';

const NOW = 1_900_000_000;
const KEY: TsigKey = {name: 'key', algorithm: 'hmac-sha256', secret: Buffer.alloc(32, 3)};

const bytes = fc.uint8Array({maxLength: 300}).map((all) => Buffer.from(all));
const u16 = fc.integer({min: 0, max: 65_535});
const u32 = fc.integer({min: 0, max: 4_294_967_295});
const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9-]{0,20}[a-z0-9])?$/);
const name = fc.array(label, {minLength: 1, maxLength: 5}).map((labels) => `${labels.join('.')}.`);
const string = fc.uint8Array({maxLength: 255}).map(quoteBytes);
const ipv4 = fc.ipV4().filter((text) => !/(?:^|\.)0\d/.test(text));
const ipv6 = fc
  .ipV6()
  .map((text) => new URL(`http://[${text}]`).hostname.slice(1, -1))
  .filter((text) => !text.startsWith('::'));
const words = (...parts: fc.Arbitrary<string | number>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => all.join(' '));
const hints = fc.tuple(
  fc.option(fc.array(ipv4, {minLength: 1, maxLength: 3})),
  fc.option(u16),
  fc.option(fc.constant('h2,h3')),
);

/** Any data of a type, as the values of a set have it. */
const DATA: Readonly<Record<string, fc.Arbitrary<string>>> = {
  A: ipv4,
  AAAA: ipv6,
  CAA: words(fc.integer({min: 0, max: 255}), fc.stringMatching(/^[a-z0-9]{1,15}$/), string),
  CNAME: name,
  HTTPS: fc
    .tuple(u16, name, hints)
    .map(([priority, target, [addresses, port, alpn]]) =>
      [
        priority,
        target,
        ...(alpn === null ? [] : [`alpn=${alpn}`]),
        ...(port === null ? [] : [`port=${port}`]),
        ...(addresses === null ? [] : [`ipv4hint=${addresses.join(',')}`]),
      ].join(' '),
    ),
  MX: words(u16, name),
  NAPTR: words(u16, u16, string, string, string, name),
  NS: name,
  SOA: words(name, name, u32, u32, u32, u32, u32),
  SRV: words(u16, u16, u16, name),
  TXT: fc.array(string, {minLength: 1, maxLength: 4}).map((all) => all.join(' ')),
  TYPE999: fc
    .uint8Array({minLength: 1, maxLength: 40})
    .map((all) => `\\# ${all.length} ${Buffer.from(all).toString('hex')}`),
};

describe('the data of a record', () => {
  it.each(Object.entries(DATA))('is the same behind the wire and behind a zone file: %s', (type, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const reader = new WireReader(encodeData(type, value));
        expect(decodeData(type, reader)).toBe(value);
        expect(reader.left).toBe(0);
        const [entry] = readEntries(value);
        expect(canonicalData(type, entry!.tokens, 'zone.test')).toEqual({value});
      }),
      {numRuns: 150},
    );
  });

  it.each(Object.keys(DATA))('of anything is read, or refused with a WireError: %s', (type) => {
    fc.assert(
      fc.property(bytes, (data) => refusedOrRead(() => decodeData(type, new WireReader(data)))),
      {numRuns: 300},
    );
  });

  it('of any words is canonical, stays so, or has a problem', () => {
    const word = fc.oneof(
      fc.string({maxLength: 12}),
      fc.constantFrom('@', '.', '"', '\\', '9.9.9.9', '::1', '300', 'a="b"', '\\#', '\\255'),
    );
    const types = fc.constantFrom(...Object.keys(DATA), 'RP', 'HINFO');
    fc.assert(
      fc.property(types, fc.array(word, {maxLength: 8}), (type, all) => {
        for (const {tokens, problem} of readEntries(all.join(' '))) {
          if (problem !== undefined) continue;
          const read = canonicalData(type, tokens, 'zone.test');
          if (!('value' in read)) continue;
          const [again] = readEntries(`x ${read.value}`);
          expect(canonicalData(type, again!.tokens.slice(1), 'zone.test')).toEqual(read);
        }
      }),
      {numRuns: 2_000},
    );
  });

  it('knows types by name and number', () => {
    for (const type of ['A', 'HTTPS', 'RRSIG', 'TYPE999']) expect(typeName(typeNumber(type))).toBe(type);
    for (const type of ['', 'WHAT', 'TYPE', 'TYPE1e3']) expect(() => typeNumber(type)).toThrow(WireError);
  });
});

describe('a message', () => {
  it('of anything is read, or refused with a WireError, in no time', () => {
    const whole = response();
    const changed = fc
      .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), {minLength: 1, maxLength: 6})
      .map((changes) => {
        const copy = Buffer.from(whole);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy;
      });
    const cut = fc.nat(whole.length - 1).map((length) => whole.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(bytes, changed, cut), (message) => refusedOrRead(() => decodeMessage(message))),
      {numRuns: 3_000},
    );
  });

  it('whose names point in circles, at themselves or behind the end is refused', () => {
    for (const pointer of [0xc00c, 0xc00e, 0xc0ff, 0xffff]) {
      const message = Buffer.alloc(24);
      message.writeUInt16BE(0x8400, 2);
      message.writeUInt16BE(1, 6);
      message.writeUInt16BE(pointer, 12);
      message.writeUInt16BE(0xc00c, 14);
      expect(() => decodeMessage(message)).toThrow(WireError);
    }
  });

  it('whose name is longer than a name can be is refused', () => {
    const long = new WireWriter();
    for (let index = 0; index < 5; index += 1) long.u8(63).raw(Buffer.alloc(63, 97));
    expect(() => new WireReader(long.u8(0).build()).name()).toThrow('too long');
    expect(() => new WireWriter().name(`${'a'.repeat(64)}.test`)).toThrow(WireError);
  });

  it('has names of any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({minLength: 1, maxLength: 20}), {minLength: 1, maxLength: 4}), (labels) => {
        const wire = Buffer.concat([...labels.flatMap((each) => [Buffer.of(each.length), each]), Buffer.of(0)]);
        const text = new WireReader(wire).name();
        const again = new WireWriter().name(text).build();
        expect(new WireReader(again).name()).toBe(text);
        expect(again.toString('latin1').toLowerCase()).toBe(wire.toString('latin1').toLowerCase());
      }),
    );
  });
});

describe('a signature (RFC 8945)', () => {
  const request = encodeMessage({id: 7, opcode: OPCODE.query, question: {name: 'zone.test', type: 252}});

  /** Answers as a server sends them: signed ones and, in between, unsigned ones. */
  function transfer(signed: readonly boolean[]): {mac: Buffer; messages: Buffer[]} {
    const {mac} = signMessage(request, KEY, NOW);
    const server = new Signer(mac);
    return {mac, messages: signed.map((each) => server.next(response(), each))};
  }

  it('covers a transfer whose messages are signed now and then', () => {
    const {mac, messages} = transfer([true, false, false, true, true, false, true]);
    const verifier = new TsigVerifier(KEY, mac);
    const complete = messages.map((message) => {
      verifier.check(message, decodeMessage(message), NOW);
      return verifier.complete;
    });
    expect(complete).toEqual([true, false, false, true, true, false, true]);
  });

  it('is broken by any change, a message that is left out, and one too many without', () => {
    const {mac, messages} = transfer([true, false, true]);
    fc.assert(
      fc.property(fc.nat(2), fc.nat(200), fc.integer({min: 1, max: 255}), (which, at, flip) => {
        const verifier = new TsigVerifier(KEY, mac);
        const sent = messages.map((message) => Buffer.from(message));
        const target = sent[which]!;
        const index = at % target.length;
        target[index] = target[index]! ^ flip;
        let isTaken = true;
        try {
          for (const message of sent) verifier.check(message, decodeMessage(message), NOW);
          isTaken = verifier.complete;
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
          isTaken = false;
        }
        // Of the record of the signature itself, name, class, TTL and the repeated id are not looked at.
        if (isTaken) expect(index).toBeGreaterThanOrEqual(decodeMessage(messages[which]!).tsig?.start ?? Infinity);
      }),
      {numRuns: 500},
    );
    const without = new TsigVerifier(KEY, mac);
    without.check(messages[0]!, decodeMessage(messages[0]!), NOW);
    expect(() => without.check(messages[2]!, decodeMessage(messages[2]!), NOW)).toThrow('signature');
    const many = transfer([true, ...Array.from({length: 100}, () => false)]);
    const verifier = new TsigVerifier(KEY, many.mac);
    expect(() => many.messages.forEach((message) => verifier.check(message, decodeMessage(message), NOW))).toThrow(
      'not signed',
    );
  });

  it('is refused when it is too old, of another key, or missing at the start', () => {
    const {mac, messages} = transfer([true]);
    const [message] = messages;
    const check = (key: TsigKey, now: number) => () =>
      new TsigVerifier(key, mac).check(message!, decodeMessage(message!), now);
    expect(check(KEY, NOW + 299)).not.toThrow();
    expect(check(KEY, NOW + 301)).toThrow('clocks');
    expect(check({...KEY, secret: Buffer.alloc(32)}, NOW)).toThrow('signature');
    expect(check({...KEY, name: 'other'}, NOW)).toThrow('signature');
    const plain = response();
    expect(() => new TsigVerifier(KEY, mac).check(plain, decodeMessage(plain), NOW)).toThrow('not signed');
  });
});

describe('the address of a server', () => {
  it.each([
    ['192.0.2.53', {host: '192.0.2.53', port: 53}],
    ['192.0.2.53:5353', {host: '192.0.2.53', port: 5_353}],
    ['ns1.quiver.example', {host: 'ns1.quiver.example', port: 53}],
    ['2001:db8::53', {host: '2001:db8::53', port: 53}],
    ['[2001:db8::53]', {host: '2001:db8::53', port: 53}],
    ['[2001:db8::53]:5353', {host: '2001:db8::53', port: 5_353}],
    ['fe80::1%eth0', {host: 'fe80::1%eth0', port: 53}],
  ])('%s', (text, server) => expect(readDnsServer(text, '--resolver')).toEqual(server));

  it.each(['', 'a:b', 'host:0', 'host:70000', '[host]:53', '1:2:3', 'http://host'])('is not %j', (text) => {
    expect(() => readDnsServer(text, '--resolver')).toThrow('--resolver');
  });
});

function refusedOrRead(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
  }
}

/** A response with a record of each type, written by our own writer. */
function response(): Buffer {
  const first = [
    wireRecord('zone.test', 'A', 300, encodeData('A', '9.9.9.9')),
    wireRecord('zone.test', 'SRV', 300, encodeData('SRV', '0 0 3478 turn.zone.test.')),
    wireRecord('zone.test', 'TXT', 300, encodeData('TXT', '"dnsaddr=/ip4/9.9.9.9"')),
    wireRecord('zone.test', 'HTTPS', 300, encodeData('HTTPS', '1 . alpn=h2 ipv4hint=9.9.9.9')),
  ];
  const message = encodeMessage({id: 7, opcode: OPCODE.query, question: {name: 'zone.test', type: 252}, first});
  message.writeUInt16BE(0x84_00, 2);
  return message;
}

/** The server's half of RFC 8945 section 5.3.1, written a second time. */
class Signer {
  #previous: Buffer;
  #held: Buffer[] = [];
  #first = true;

  constructor(requestMac: Buffer) {
    this.#previous = requestMac;
  }

  next(message: Buffer, isSigned: boolean): Buffer {
    this.#held.push(message);
    if (!isSigned) return message;
    const time = new WireWriter().u48(NOW).u16(300).build();
    const names = new WireWriter().name('key').u16(CLASS.any).u32(0).name(KEY.algorithm).build();
    const tail = this.#first ? Buffer.concat([names, time, Buffer.alloc(4)]) : time;
    const mac = createHmac('sha256', KEY.secret)
      .update(new WireWriter().u16(this.#previous.length).raw(this.#previous).build())
      .update(Buffer.concat(this.#held))
      .update(tail)
      .digest();
    this.#previous = mac;
    this.#held = [];
    this.#first = false;
    const data = new WireWriter().name(KEY.algorithm).u48(NOW).u16(300).u16(mac.length).raw(mac).u16(7).u16(0).u16(0);
    return appendAdditional(message, {
      name: 'key',
      type: TYPE_TSIG,
      class: CLASS.any,
      ttlSeconds: 0,
      data: data.build(),
    });
  }
}
