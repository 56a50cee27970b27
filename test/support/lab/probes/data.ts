import {randomBytes} from 'node:crypto';

import {type Attribute, build, channelData, METHOD, TYPE, uint32, xorAddress} from '../raw-stun.ts';
import {mustBe, mustEqual, mustFail, mustSucceed, type Probe} from './probe.ts';

const CHANNEL = 0x4001;
const OUTSIDE_CHANNELS = [0x0000, 0x3fff, 0x5000, 0x7fff, 0x8000, 0xffff];

export const dataProbes: Probe[] = [
  {
    name: 'Send and Data indications carry bytes both ways',
    source: 'RFC 8656 section 11',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      const relayed = await one.relay();
      mustSucceed(await one.permit(other), 'CreatePermission');
      one.sendTo(other, Buffer.from('there'));
      const got = await other.next();
      mustBe(got?.payload.toString(), 'there', 'payload');
      mustBe(got?.from.port, relayed.port, 'source port');
      other.send(relayed, Buffer.from('back'));
      const back = await one.data();
      mustBe(back?.payload.toString(), 'back', 'payload');
      mustBe(`${back?.peer?.address}:${back?.peer?.port}`, `${other.address}:${other.port}`, 'XOR-PEER-ADDRESS');
    },
  },
  {
    name: 'what a peer without a permission sends is dropped',
    source: 'RFC 8656 section 11.3',
    async run({client, peer}) {
      using one = await client();
      using friend = await peer(1);
      using stranger = await peer(2);
      const relayed = await one.relay();
      mustSucceed(await one.permit(friend), 'CreatePermission');
      stranger.send(relayed, Buffer.from('no'));
      mustBe((await one.data())?.payload.toString(), undefined, 'data');
    },
  },
  {
    name: 'a Send indication without a permission is dropped',
    source: 'RFC 8656 section 11.2',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      one.sendTo(other, Buffer.from('no'));
      mustBe((await other.next())?.payload.toString(), undefined, 'datagram');
    },
  },
  {
    name: 'a permission is for an address, whatever the port',
    source: 'RFC 8656 section 9',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      const relayed = await one.relay();
      mustSucceed(await one.permit({address: other.address, port: 9}), 'CreatePermission');
      other.send(relayed, Buffer.from('from another port'));
      mustBe((await one.data())?.payload.toString(), 'from another port', 'payload');
    },
  },
  {
    name: 'CreatePermission for several peers',
    source: 'RFC 8656 section 10.1',
    async run({client, peer}) {
      using one = await client();
      using a = await peer(1);
      using b = await peer(2);
      const relayed = await one.relay();
      mustSucceed(await one.permit(a, b), 'CreatePermission');
      for (const other of [a, b]) {
        other.send(relayed, Buffer.from('in'));
        mustBe((await one.data())?.payload.toString(), 'in', 'payload');
      }
    },
  },
  {
    name: 'CreatePermission without an allocation gets 437',
    source: 'RFC 8656 section 5',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      mustFail(await one.permit(other), 437, 'CreatePermission');
    },
  },
  {
    name: 'CreatePermission without a peer gets 400',
    source: 'RFC 8656 section 10.2',
    async run({client}) {
      using one = await client();
      await one.relay();
      mustFail(await one.permit(), 400, 'CreatePermission');
    },
  },
  {
    name: 'a peer of another family gets 443',
    source: 'RFC 8656 section 10.2',
    async run({client}) {
      using one = await client();
      await one.relay();
      mustFail(await one.permit({address: '2a0f:ffff:1::77', port: 9}), 443, 'an IPv6 peer');
    },
  },
  {
    name: 'ChannelData carries bytes both ways',
    source: 'RFC 8656 section 12; node-turn: not relayed',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      const relayed = await one.relay();
      mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
      one.send(channelData(CHANNEL, Buffer.from('there')));
      mustBe((await other.next())?.payload.toString(), 'there', 'payload');
      other.send(relayed, Buffer.from('back'));
      mustBe((await one.channel(CHANNEL))?.toString(), 'back', 'payload');
    },
  },
  {
    name: 'channel numbers outside 0x4000 … 0x4FFF get 400',
    source: 'RFC 8656 section 12.2; coturn 4.6.1 takes up to 0x7FFF',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      for (const channel of OUTSIDE_CHANNELS) mustFail(await one.bind(channel, other), 400, channel.toString(16));
    },
  },
  {
    name: 'the first and the last channel can be bound',
    source: 'RFC 8656 section 12',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.bind(0x4000, other), 'channel 0x4000');
      mustSucceed(await one.bind(0x4fff, {address: other.address, port: 9}), 'channel 0x4FFF');
    },
  },
  {
    name: 'a channel belongs to one peer and a peer to one channel',
    source: 'RFC 8656 section 12.2',
    async run({client, peer}) {
      using one = await client();
      using a = await peer(1);
      using b = await peer(2);
      await one.relay();
      mustSucceed(await one.bind(CHANNEL, a), 'ChannelBind');
      mustFail(await one.bind(CHANNEL, b), 400, 'the channel for another peer');
      mustFail(await one.bind(CHANNEL + 1, a), 400, 'another channel for the peer');
      mustSucceed(await one.bind(CHANNEL, a), 'the same again');
    },
  },
  {
    name: 'ChannelBind without a number or a peer gets 400',
    source: 'RFC 8656 section 12.2',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustFail(await one.withPeers(METHOD.channelBind, [other]), 400, 'no CHANNEL-NUMBER');
      const number: Attribute = [TYPE.channelNumber, uint32(CHANNEL << 16)];
      mustFail(await one.withPeers(METHOD.channelBind, [], [number]), 400, 'no XOR-PEER-ADDRESS');
    },
  },
  {
    name: 'ChannelBind lets its peer in, by Send indication too',
    source: 'RFC 8656 section 12.2',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
      one.sendTo(other, Buffer.from('too'));
      mustBe((await other.next())?.payload.toString(), 'too', 'payload');
    },
  },
  {
    name: 'ChannelData of a channel that is not bound is dropped',
    source: 'RFC 8656 section 12.4',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.permit(other), 'CreatePermission');
      one.send(channelData(0x4100, Buffer.from('no')));
      mustBe((await other.next())?.payload.toString(), undefined, 'datagram');
    },
  },
  {
    name: 'ChannelData that claims more than it has is dropped, padding is not passed on',
    source: 'RFC 8656 section 12.5',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
      const tooShort = channelData(CHANNEL, Buffer.from('no'));
      tooShort.writeUInt16BE(2_000, 2);
      one.send(tooShort);
      one.send(channelData(CHANNEL, Buffer.from('padded'), {pad: true}));
      mustBe((await other.next())?.payload.toString(), 'padded', 'payload');
      mustBe((await other.next())?.payload.toString(), undefined, 'second datagram');
    },
  },
  {
    name: 'what a peer sends is passed on whatever it looks like',
    source: 'node-turn: dropped what began like ChannelData',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      const relayed = await one.relay();
      mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
      const lookalikes = [
        channelData(CHANNEL, Buffer.from('x')),
        build({method: METHOD.binding}),
        build({method: METHOD.refresh, attributes: [[TYPE.lifetime, uint32(0)]]}),
        randomBytes(1_200),
      ];
      for (const bytes of lookalikes) {
        other.send(relayed, bytes);
        mustEqual(await one.channel(CHANNEL), bytes, 'the same bytes');
      }
    },
  },
  {
    name: 'an empty datagram from a peer does no harm, nor one of a byte',
    source: 'node-turn: the process died',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      const relayed = await one.relay();
      mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
      for (const size of [0, 1, 2, 3]) other.send(relayed, Buffer.alloc(size, 0x40));
      other.send(relayed, Buffer.from('alive'));
      mustBe((await one.channel(CHANNEL))?.length, 0, 'size of the first');
      for (const size of [1, 2, 3]) mustBe((await one.channel(CHANNEL))?.length, size, 'size');
      mustBe((await one.channel(CHANNEL))?.toString(), 'alive', 'payload');
    },
  },
  {
    name: 'an empty payload goes out to a peer',
    source: 'RFC 8656 section 11.2',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
      one.send(channelData(CHANNEL, Buffer.alloc(0)));
      one.sendTo(other, Buffer.alloc(0));
      mustBe((await other.next())?.payload.length, 0, 'size of ChannelData');
      mustBe((await other.next())?.payload.length, 0, 'size of Send');
    },
  },
  {
    name: 'a Send indication without data or peer is dropped',
    source: 'RFC 8656 section 11.2',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.permit(other), 'CreatePermission');
      const id = randomBytes(12);
      const to: Attribute = [TYPE.xorPeerAddress, xorAddress(other.address, other.port, id)];
      for (const attributes of [[to], [[TYPE.data, Buffer.from('no')] as Attribute]]) {
        one.send(build({method: METHOD.send, class: 'indication', id, attributes}));
      }
      mustBe((await other.next())?.payload.length, undefined, 'datagram');
    },
  },
  {
    name: 'two allocations reach one another through their relayed addresses',
    source: 'coturn #584: denying its own address broke relay-to-relay calls',
    async run({client}) {
      using a = await client();
      using b = await client();
      const [toA, toB] = [await a.relay(), await b.relay()];
      mustSucceed(await a.bind(CHANNEL, toB), 'ChannelBind');
      mustSucceed(await b.bind(CHANNEL, toA), 'ChannelBind');
      a.send(channelData(CHANNEL, Buffer.from('across')));
      mustBe((await b.channel(CHANNEL))?.toString(), 'across', 'payload');
    },
  },
];
