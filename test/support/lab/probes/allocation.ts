import {RawClient, UDP_TRANSPORT} from '../raw-client.ts';
import {type Attribute, METHOD, readXorAddress, sameAddress, TYPE, uint32, valueOf} from '../raw-stun.ts';
import {expected, mustBe, mustEqual, mustFail, mustSucceed, type Probe} from './probe.ts';

const IPV4: Attribute = [TYPE.requestedAddressFamily, Buffer.of(1, 0, 0, 0)];
const IPV6: Attribute = [TYPE.requestedAddressFamily, Buffer.of(2, 0, 0, 0)];
const ALSO_IPV6: Attribute = [TYPE.additionalAddressFamily, Buffer.of(2, 0, 0, 0)];
const EVEN: Attribute = [TYPE.evenPort, Buffer.of(0)];
const EVEN_PAIR: Attribute = [TYPE.evenPort, Buffer.of(0x80)];

export const allocationProbes: Probe[] = [
  {
    name: 'an allocation has a relayed address, a mapped one and a lifetime of 600 s',
    source: 'RFC 8656 section 7.2',
    async run({client, target}) {
      using one = await client();
      const answer = await one.allocate();
      mustSucceed(answer, 'Allocate');
      const read = (type: number): {address: string; port: number} | undefined =>
        readXorAddress(valueOf(answer, type), answer!.id);
      mustBe(read(TYPE.xorRelayedAddress)?.address, target.address, 'relayed address');
      mustBe(read(TYPE.xorMappedAddress)?.port, one.local.port, 'mapped port');
      mustEqual(valueOf(answer, TYPE.lifetime), uint32(600), 'LIFETIME 600');
    },
  },
  {
    name: 'a lifetime asked for is given within bounds',
    source: 'RFC 8656 section 7.2: not below the default; node-turn: ignored',
    async run({client}) {
      const lifetimes = [];
      for (const asked of [1, 1_200, 1_000_000]) {
        using one = await client();
        lifetimes.push(valueOf(await one.allocate([TYPE.lifetime, uint32(asked)]), TYPE.lifetime)?.readUInt32BE());
      }
      const [low = 0, asked = 0, high = 0] = lifetimes;
      if (low < 600 || asked < 600 || asked > 1_200 || high > 3_600 || high < 600) {
        expected('600 … 3600 s for 1, 1200 and 1000000', lifetimes.join(', '));
      }
    },
  },
  {
    name: 'Allocate without REQUESTED-TRANSPORT gets 400',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.request(METHOD.allocate), 400, 'Allocate without a transport');
    },
  },
  {
    name: 'a transport that is not offered gets 442',
    source: 'RFC 8656 section 7.2; coturn answers 400',
    async run({client}) {
      using one = await client();
      const transport: Attribute = [TYPE.requestedTransport, Buffer.of(99, 0, 0, 0)];
      mustFail(await one.request(METHOD.allocate, [transport]), 442, 'transport 99');
    },
  },
  {
    name: 'a required attribute that nobody knows gets 420 that names it',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      const answer = await one.allocate([0x7f01, uint32(1)]);
      mustFail(answer, 420, 'an unknown required attribute');
      mustEqual(valueOf(answer, TYPE.unknownAttributes)?.subarray(0, 2), Buffer.of(0x7f, 0x01), 'UNKNOWN-ATTRIBUTES');
    },
  },
  {
    name: 'a second Allocate on the same path gets 437',
    source: 'RFC 8656 section 7.2; node-turn: allocated again and leaked',
    async run({client}) {
      using one = await client();
      await one.relay();
      mustFail(await one.allocate(), 437, 'a second Allocate');
    },
  },
  {
    name: 'a retransmitted Allocate gets the same answer',
    source: 'RFC 8656 section 7.2 (stateless or stateful); node-turn: another port',
    async run({client}) {
      using one = await client();
      await one.challenge();
      const bytes = one.signed(METHOD.allocate, [UDP_TRANSPORT]);
      const ports: (number | undefined)[] = [];
      for (let i = 0; i < 2; i += 1) {
        const answer = await one.exchange(bytes);
        ports.push(readXorAddress(valueOf(answer, TYPE.xorRelayedAddress), bytes.subarray(8, 20))?.port);
      }
      mustBe(ports[1], ports[0], 'relayed port');
      if (ports[0] === undefined) expected('a relayed port', undefined);
    },
  },
  {
    name: 'EVEN-PORT gives an even port',
    source: 'RFC 8656 section 7.2; node-turn: no answer',
    async run({client}) {
      using one = await client();
      mustBe((await one.relay(EVEN)).port % 2, 0, 'odd bit');
    },
  },
  {
    name: 'EVEN-PORT with a reservation keeps the next port for its token',
    source: 'RFC 8656 section 7.2; coturn 4adbd82e: leaked',
    async run({client}) {
      using one = await client();
      const answer = await one.allocate(EVEN_PAIR);
      const token = valueOf(answer, TYPE.reservationToken);
      if (token?.length !== 8) expected('a RESERVATION-TOKEN', answer?.code);
      const first = readXorAddress(valueOf(answer, TYPE.xorRelayedAddress), answer!.id)!;
      using two = await RawClient.open(one.server, one.credential);
      const second = await two.relay([TYPE.reservationToken, token]);
      mustBe(second.port, first.port + 1, 'reserved port');
      using three = await RawClient.open(one.server, one.credential);
      mustFail(await three.allocate([TYPE.reservationToken, token]), 508, 'a token used twice');
    },
  },
  {
    name: 'EVEN-PORT together with a token gets 400',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.allocate(EVEN, [TYPE.reservationToken, Buffer.alloc(8, 1)]), 400, 'both');
    },
  },
  {
    name: 'an unknown token gets 508',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.allocate([TYPE.reservationToken, Buffer.alloc(8, 1)]), 508, 'an unknown token');
    },
  },
  {
    name: 'an address family that does not exist gets 440',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.allocate([TYPE.requestedAddressFamily, Buffer.of(9, 0, 0, 0)]), 440, 'family 9');
    },
  },
  {
    name: 'IPv4 may be asked for by name',
    source: 'RFC 8656 section 7.2; node-turn: no answer',
    async run({client}) {
      using one = await client();
      mustSucceed(await one.allocate(IPV4), 'REQUESTED-ADDRESS-FAMILY IPv4');
    },
  },
  {
    name: 'a relayed IPv6 address',
    source: 'RFC 8656 section 7.2, RFC 6156',
    needs: 'ipv6',
    async run({client, target}) {
      using one = await client();
      const {address} = await one.relay(IPV6);
      if (!sameAddress(address, target.address6!)) expected(target.address6!, address);
    },
  },
  {
    name: 'data through a relayed IPv6 address, both ways',
    source: 'RFC 6156',
    needs: 'ipv6',
    async run({client, peer}) {
      using one = await client();
      using other = await peer(1, 6);
      const relayed = await one.relay(IPV6);
      mustSucceed(await one.permit(other), 'CreatePermission');
      one.sendTo(other, Buffer.from('there'));
      mustBe((await other.next())?.payload.toString(), 'there', 'payload');
      other.send(relayed, Buffer.from('back'));
      mustBe((await one.data())?.payload.toString(), 'back', 'payload');
    },
  },
  {
    name: 'both families at once',
    source: 'RFC 8656 section 7.2: ADDITIONAL-ADDRESS-FAMILY',
    needs: 'ipv6',
    async run({client}) {
      using one = await client();
      const answer = await one.allocate(ALSO_IPV6);
      const relayed = answer?.attributes
        .filter(([type]) => type === TYPE.xorRelayedAddress)
        .map(([, value]) => value[1]);
      mustBe(relayed?.toSorted().join(), '1,2', 'families of the relayed addresses');
    },
  },
  {
    name: 'an additional IPv4 address gets 400',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.allocate([TYPE.additionalAddressFamily, Buffer.of(1, 0, 0, 0)]), 400, 'IPv4 as the second');
    },
  },
  {
    name: 'a requested and an additional family together get 400',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.allocate(IPV4, ALSO_IPV6), 400, 'both');
    },
  },
  {
    name: 'a requested family together with a token gets 400',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.allocate(IPV4, [TYPE.reservationToken, Buffer.alloc(8, 1)]), 400, 'both');
    },
  },
  {
    name: 'DONT-FRAGMENT is done or refused by 420',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      const answer = await one.allocate([TYPE.dontFragment, Buffer.alloc(0)]);
      if (answer?.class !== 'success') mustFail(answer, 420, 'DONT-FRAGMENT');
    },
  },
  {
    name: 'Refresh keeps the allocation',
    source: 'RFC 8656 section 8.2; node-turn: destroyed it',
    async run({client}) {
      using one = await client();
      await one.relay();
      for (let i = 0; i < 3; i += 1) {
        const answer = await one.refresh(600);
        mustSucceed(answer, 'Refresh');
        mustEqual(valueOf(answer, TYPE.lifetime), uint32(600), 'LIFETIME 600');
      }
    },
  },
  {
    name: 'Refresh to 0 ends it, and its port is silent',
    source: 'RFC 8656 section 8.2; node-turn: the socket stayed open',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      const relayed = await one.relay();
      mustSucceed(await one.permit(other), 'CreatePermission');
      mustEqual(valueOf(await one.refresh(0), TYPE.lifetime), uint32(0), 'LIFETIME 0');
      other.send(relayed, Buffer.from('too late'));
      mustBe((await one.data())?.payload.toString(), undefined, 'data');
      mustFail(await one.permit(other), 437, 'CreatePermission after the end');
    },
  },
  {
    name: 'Refresh without an allocation gets 437',
    source: 'RFC 8656 section 8.2',
    async run({client}) {
      using one = await client();
      mustFail(await one.refresh(600), 437, 'Refresh');
    },
  },
  {
    name: 'Refresh of another family gets 443',
    source: 'RFC 8656 section 8.2',
    async run({client}) {
      using one = await client();
      await one.relay();
      mustFail(await one.refresh(600, [IPV6]), 443, 'Refresh of IPv6');
    },
  },
  {
    name: 'after the end a new allocation can be had on the same path',
    source: 'RFC 8656 section 7.2',
    async run({client}) {
      using one = await client();
      await one.relay();
      mustSucceed(await one.refresh(0), 'Refresh');
      mustSucceed(await one.allocate(), 'Allocate');
    },
  },
  {
    name: 'relayed ports cannot be foretold',
    source: 'coturn CVE-2025-69217',
    async run({client}) {
      const ports: number[] = [];
      for (let i = 0; i < 5; i += 1) {
        using one = await client();
        ports.push((await one.relay()).port);
        await one.refresh(0);
      }
      const steps = new Set(ports.slice(1).map((port, i) => port - ports[i]!));
      if (steps.size === 1 || new Set(ports).size < 3) expected('ports without a pattern', ports.join(', '));
    },
  },
];
