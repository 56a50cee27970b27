import {randomBytes} from 'node:crypto';

import {build, hasFingerprint, METHOD, parse, readXorAddress, sameAddress, TYPE, uint32, valueOf} from '../raw-stun.ts';
import {expected, mustBe, mustEqual, mustFail, mustSucceed, type Probe} from './probe.ts';

const anything = (bytes: Buffer): Buffer => bytes;

export const bindingProbes: Probe[] = [
  {
    name: 'Binding tells the address it came from',
    source: 'RFC 8489 section 6.3.1',
    async run({client}) {
      using one = await client();
      const answer = await one.ask(METHOD.binding);
      const mapped = readXorAddress(valueOf(answer, TYPE.xorMappedAddress), answer?.id ?? Buffer.alloc(12));
      mustBe(`${mapped?.address}:${mapped?.port}`, `${one.local.address}:${one.local.port}`, 'XOR-MAPPED-ADDRESS');
    },
  },
  {
    name: 'Binding over IPv6 tells the address it came from',
    source: 'RFC 8489 section 14.2',
    needs: 'ipv6',
    async run({client, target}) {
      using one = await client({address: target.address6!, from: target.own6![0]});
      const answer = await one.ask(METHOD.binding);
      const mapped = readXorAddress(valueOf(answer, TYPE.xorMappedAddress), answer?.id ?? Buffer.alloc(12));
      if (!mapped || !sameAddress(mapped.address, target.own6![0])) expected(target.own6![0], mapped?.address);
    },
  },
  {
    name: 'a request with FINGERPRINT is answered with one',
    source: 'RFC 8489 section 7.3.3',
    async run({client}) {
      using one = await client();
      const answer = await one.ask(METHOD.binding, [], {fingerprint: true});
      if (answer === undefined || !hasFingerprint(answer)) expected('a right FINGERPRINT', answer?.class);
    },
  },
  {
    name: 'an optional attribute that nobody knows is passed over',
    source: 'RFC 8489 section 6.3.1',
    async run({client}) {
      using one = await client();
      mustSucceed(await one.ask(METHOD.binding, [[0xc0ff, uint32(7)]]), 'Binding');
    },
  },
  {
    name: 'the attributes of ICE are passed over in a Binding without credentials, or named in a 420',
    source: 'RFC 8445 section 16; node-turn gave no answer',
    async run({client}) {
      using one = await client();
      const answer = await one.ask(METHOD.binding, [[0x8029, Buffer.alloc(8)]]); // ICE-CONTROLLED
      mustSucceed(answer, 'Binding');
    },
  },
  {
    name: 'a required attribute that nobody knows is answered by 420 that names it',
    source: 'RFC 8489 section 6.3.1',
    async run({client}) {
      using one = await client();
      const answer = await one.ask(METHOD.binding, [[0x7f01, uint32(7)]]);
      mustFail(answer, 420, 'an unknown required attribute');
      mustEqual(valueOf(answer, TYPE.unknownAttributes)?.subarray(0, 2), Buffer.of(0x7f, 0x01), 'UNKNOWN-ATTRIBUTES');
    },
  },
  {
    name: 'a Binding indication is not answered',
    source: 'RFC 8489 section 6.3.2',
    async run({client}) {
      using one = await client();
      one.send(build({method: METHOD.binding, class: 'indication'}));
      mustBe(await one.receive(anything), undefined, 'answer');
    },
  },
  {
    name: 'responses sent to a server are not answered',
    source: 'RFC 8489 section 6.3.3: two servers must not talk for ever',
    async run({client}) {
      using one = await client();
      one.send(build({method: METHOD.binding, class: 'success'}));
      one.send(build({method: METHOD.allocate, class: 'error'}));
      mustBe(await one.receive(anything), undefined, 'answer');
    },
  },
  {
    name: 'a wrong length is not answered',
    source: 'RFC 8489 section 5',
    async run({client}) {
      using one = await client();
      const [short, long, odd] = [1, 2, 3].map(() =>
        build({method: METHOD.binding, attributes: [[0xc001, uint32(1)]]}),
      );
      short!.writeUInt16BE(4, 2);
      long!.writeUInt16BE(400, 2);
      odd!.writeUInt16BE(7, 2);
      for (const bytes of [short!, long!, odd!]) one.send(bytes);
      mustBe(await one.receive(anything), undefined, 'answer');
    },
  },
  {
    name: 'an attribute that is longer than its message is not answered with success',
    source: 'RFC 8489 section 14; coturn CVE-2026-40613',
    async run({client}) {
      using one = await client();
      const bytes = build({method: METHOD.binding, attributes: [[TYPE.username, Buffer.alloc(8)]]});
      bytes.writeUInt16BE(0xfff0, 22);
      const answer = await one.exchange(bytes);
      if (answer?.class === 'success') expected('an error or silence', 'success');
    },
  },
  {
    name: 'a wrong FINGERPRINT is not answered',
    source: 'RFC 8489 section 6.3',
    async run({client}) {
      using one = await client();
      const bytes = build({method: METHOD.binding, fingerprint: true});
      bytes[bytes.length - 1]! ^= 1;
      mustBe(await one.exchange(bytes), undefined, 'answer');
    },
  },
  {
    name: 'an answer has the transaction id of its request',
    source: 'RFC 8489 section 6.3.1.1',
    async run({client}) {
      using one = await client();
      const id = randomBytes(12);
      one.send(build({method: METHOD.binding, id}));
      const answer = await one.receive((bytes) => parse(bytes));
      mustEqual(answer?.id, id, id.toString('hex'));
    },
  },
  {
    name: 'an unknown method is answered by an error or not at all',
    source: 'RFC 8489 section 6.3',
    async run({client}) {
      using one = await client();
      const answer = await one.ask(0x0ab);
      if (answer?.class === 'success') expected('an error or silence', 'success');
    },
  },
];
