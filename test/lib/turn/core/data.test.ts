import {describe, expect, it} from 'vitest';

import {MessageBuilder, newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {readXorAddress} from '../../../../src/lib/stun/xor-address.ts';
import {additional, channelData, endpoint, PEER, PEER6, peer, World} from './harness.ts';
import type {Client, FakeSocket, WorldOptions} from './harness.ts';

const sizes = [0, 1, 2, 3, 4, 97, 160, 1200, 65_507];
const payload = (bytes: number): Buffer => Buffer.alloc(bytes, 0x5a);

async function start(options: WorldOptions = {}): Promise<{world: World; client: Client; socket: FakeSocket}> {
  const world = new World(options);
  const client = world.client();
  const socket = await client.allocated();
  await client.permit(PEER);
  return {world, client, socket};
}

const sentTo = (socket: FakeSocket): string[] => socket.sent.map((sent) => sent.bytes.toString());

describe('Send and Data indications (RFC 8656 section 11)', () => {
  it('carry data of any size to a permitted peer', async () => {
    const {client, socket} = await start();
    for (const size of sizes) client.sendIndication(PEER, 9, payload(size));
    expect(socket.sent.map(({peer: to, bytes}) => [to.key, bytes.length])).toEqual(
      sizes.map((size) => [endpoint(PEER, 9).key, size]),
    );
  });

  it('carry data of any size from a permitted peer, well-formed and padded with zeros', async () => {
    const {client, socket} = await start();
    for (const size of sizes) {
      client.fromPeer(socket, PEER, 9, payload(70));
      const bytes = client.fromPeer(socket, PEER, 77, payload(size));
      const message = decodeMessage(bytes ?? Buffer.alloc(0));
      expect([message?.method, message?.class]).toEqual([METHOD.data, CLASS.indication]);
      expect(Buffer.from(message?.attribute(ATTRIBUTE.data) ?? []).equals(payload(size))).toBe(true);
      expect(bytes?.subarray(36 + size).every((byte) => byte === 0)).toBe(true);
      const from = readXorAddress(
        message?.attribute(ATTRIBUTE.xorPeerAddress) ?? Buffer.alloc(0),
        message?.transactionId ?? Buffer.alloc(0),
      );
      expect([[...(from?.bytes ?? [])], from?.port]).toEqual([[8, 8, 4, 4], 77]);
    }
  });

  it('go by the family of the peer', async () => {
    const world = new World();
    const client = world.client();
    await client.allocated([additional]);
    await client.permit(PEER, PEER6);
    const [four, six] = world.io.open.values();
    client.sendIndication(PEER, 9, Buffer.from('4'));
    client.sendIndication(PEER6, 9, Buffer.from('6'));
    expect([sentTo(four!), sentTo(six!)]).toEqual([['4'], ['6']]);
    expect(client.fromPeer(six!, PEER6, 9, payload(5))).toHaveLength(56);
  });

  it('are dropped without an allocation, a permission, a peer or data', async () => {
    const {world, client, socket} = await start();
    client.sendIndication('9.9.9.9', 9, payload(4));
    client.sendIndication(PEER, 0, payload(4));
    client.raw(new MessageBuilder(METHOD.send, CLASS.indication).add(ATTRIBUTE.data, payload(4)).build());
    const id = newTransactionId();
    client.raw(new MessageBuilder(METHOD.send, CLASS.indication, id).add(...peer(PEER, 9, id)).build());
    world.client().sendIndication(PEER, 9, payload(4));
    expect(socket.sent).toEqual([]);
    expect(world.core.counters.traffic.udp.packetsDropped).toBe(2);
    expect(world.core.counters.malformed).toBe(2);
  });

  it('are dropped with DONT-FRAGMENT, which is not served', async () => {
    const {client, socket} = await start();
    client.sendIndication(PEER, 9, payload(4), [[ATTRIBUTE.dontFragment, Buffer.alloc(0)]]);
    expect(socket.sent).toEqual([]);
  });

  it('find the peer again after another one', async () => {
    const {client, socket} = await start();
    await client.permit('9.9.9.9');
    for (const [address, port] of [
      [PEER, 1],
      [PEER, 1],
      [PEER, 2],
      ['9.9.9.9', 2],
      [PEER, 2],
    ] as const)
      client.sendIndication(address, port, payload(1));
    expect(socket.sent.map(({peer: to}) => `${to.address} ${to.port}`)).toEqual([
      '8.8.4.4 1',
      '8.8.4.4 1',
      '8.8.4.4 2',
      '9.9.9.9 2',
      '8.8.4.4 2',
    ]);
  });
});

describe('ChannelData (RFC 8656 section 12)', () => {
  it('carries data of any size both ways', async () => {
    const {client, socket} = await start();
    await client.bind(0x4abc, PEER, 9);
    for (const size of sizes) {
      client.channelData(0x4abc, payload(size));
      expect(client.fromPeer(socket, PEER, 9, payload(size))).toEqual(channelData(0x4abc, payload(size)));
    }
    expect(socket.sent.map(({bytes}) => bytes.length)).toEqual(sizes);
  });

  it('may be padded on UDP; one that is cut short is dropped', async () => {
    const {world, client, socket} = await start();
    await client.bind(0x4000, PEER, 9);
    client.raw(Buffer.concat([channelData(0x4000, Buffer.from('abc')), Buffer.alloc(1)]));
    client.raw(channelData(0x4000, Buffer.from('abcd')).subarray(0, 7));
    client.raw(Buffer.from([0x40, 0x00, 0x00]));
    client.raw(Buffer.from([0x40]));
    expect(sentTo(socket)).toEqual(['abc']);
    expect(world.core.counters.malformed).toBe(3);
  });

  it('on a channel that is not bound, or of another client, goes nowhere', async () => {
    const {world, client, socket} = await start();
    await client.bind(0x4000, PEER, 9);
    client.channelData(0x4001, payload(3));
    const other = world.client();
    const otherSocket = await other.allocated();
    other.channelData(0x4000, payload(3));
    world.client().channelData(0x4000, payload(3));
    expect([socket.sent, otherSocket.sent]).toEqual([[], []]);
  });

  it('from a peer whose other port is bound comes as an indication', async () => {
    const {client, socket} = await start();
    await client.bind(0x4000, PEER, 9);
    expect(client.fromPeer(socket, PEER, 10, payload(3))?.readUInt16BE()).toBe(0x0017);
  });
});

describe('between two ticks', () => {
  it('nothing passes whose time is over', async () => {
    const {world, client, socket} = await start({lifetimeMs: 3_600_000});
    await client.bind(0x4000, PEER, 9);
    await world.advance(599_000);
    await client.permit(PEER);
    world.nowMs += 1000;
    client.channelData(0x4000, payload(1));
    expect(socket.sent).toHaveLength(0);
    client.sendIndication(PEER, 9, payload(1));
    expect(socket.sent).toHaveLength(1);
  });

  it('nothing passes when the allocation is over', async () => {
    const {world, client, socket} = await start();
    await world.advance(599_000);
    await client.permit(PEER);
    world.nowMs += 1000;
    client.sendIndication(PEER, 9, payload(1));
    expect(client.fromPeer(socket, PEER, 9, payload(1))).toBeUndefined();
    expect(socket.sent).toHaveLength(0);
  });
});

describe('accounting', () => {
  it('counts packets and payload bytes by direction and transport', async () => {
    const world = new World();
    for (const transport of ['udp', 'tcp', 'tls'] as const) {
      const client = world.client({transport});
      const socket = await client.allocated();
      await client.bind(0x4000, PEER, 9);
      client.channelData(0x4000, payload(10));
      client.sendIndication(PEER, 9, payload(5));
      client.fromPeer(socket, PEER, 9, payload(7));
      expect(world.core.counters.traffic[transport]).toMatchObject({
        packetsToPeer: 2,
        bytesToPeer: 15,
        packetsToClient: 1,
        bytesToClient: 7,
      });
    }
  });

  it('caps the bandwidth of one allocation, both ways together, and lets it come back', async () => {
    const {world, client, socket} = await start({limits: {bytesPerSecondPerAllocation: 100_000}});
    await client.bind(0x4000, PEER, 9);
    for (let index = 0; index < 60; index++) {
      client.channelData(0x4000, payload(1000));
      client.fromPeer(socket, PEER, 9, payload(1000));
    }
    expect(socket.sent).toHaveLength(50);
    expect(world.core.counters.traffic.udp).toMatchObject({packetsToClient: 50, packetsCapped: 20});
    await world.advance(500);
    for (let index = 0; index < 60; index++) client.channelData(0x4000, payload(1000));
    expect(socket.sent).toHaveLength(100);
  });

  it('caps the bandwidth of all allocations together', async () => {
    const {world, client} = await start({limits: {bytesPerSecond: 100_000}});
    const other = world.client();
    const socket = await other.allocated();
    await other.permit(PEER);
    for (let index = 0; index < 90; index++) client.sendIndication(PEER, 9, payload(1000));
    for (let index = 0; index < 90; index++) other.sendIndication(PEER, 9, payload(1000));
    expect(socket.sent).toHaveLength(10);
  });

  it('lets the largest datagram through the smallest cap', async () => {
    const {client, socket} = await start({limits: {bytesPerSecondPerAllocation: 1}});
    client.sendIndication(PEER, 9, payload(65_507));
    expect(socket.sent).toHaveLength(1);
  });
});

describe('STUN Binding', () => {
  it('is answered on the same socket, so many times a second for a source', async () => {
    const world = new World({limits: {bindingsPerSecond: 10, bindingBurst: 20}});
    const client = world.client();
    const ask = async (): Promise<boolean> =>
      (await client.ask(new MessageBuilder(METHOD.binding, CLASS.request).build())) !== undefined;
    let answered = 0;
    for (let index = 0; index < 30; index++) answered += Number(await ask());
    expect(answered).toBe(20);
    await world.advance(100);
    expect([await ask(), await ask()]).toEqual([true, false]);
    expect(world.core.counters).toMatchObject({bindingRequests: 32, bindingLimited: 11});
  });
});
