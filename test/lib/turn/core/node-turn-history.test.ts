import {describe, expect, it} from 'vitest';

import {MessageBuilder} from '../../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {writeEvenPort} from '../../../support/stun-attributes.ts';
import {additional, channelData, lifetime, lifetimeOf, PEER, settle, World} from './harness.ts';
import type {Client, WorldOptions} from './harness.ts';
import {endpoint} from './fakes.ts';
import type {FakeSocket} from './fakes.ts';

// What node-turn 0.0.6 did to the calls it relayed, and what became of ports and quotas in coturn.

async function start(
  options: WorldOptions = {},
): Promise<{world: World; client: Client; four: FakeSocket; six: FakeSocket}> {
  const world = new World(options);
  const client = world.client();
  await client.allocated([additional]);
  const [four, six] = world.io.open.values();
  return {world, client, four: four!, six: six!};
}

describe('what node-turn did to the calls it relayed', () => {
  it('datagrams of no byte or one from a peer go to the client', async () => {
    const {client, four} = await start();
    await client.permit(PEER);
    for (const data of [Buffer.alloc(0), Buffer.alloc(1)]) {
      expect(decodeMessage(client.fromPeer(four, PEER, 9, data)!)?.attribute(ATTRIBUTE.data)).toHaveLength(data.length);
    }
    await client.bind(0x4000, PEER, 9);
    for (const data of [Buffer.alloc(0), Buffer.alloc(1)]) {
      expect(client.fromPeer(four, PEER, 9, data)).toEqual(channelData(0x4000, data));
    }
  });

  it('datagrams of no byte or one from a client do nothing', async () => {
    const {world, client} = await start();
    for (const bytes of [Buffer.alloc(0), Buffer.from([0]), Buffer.from([0x40]), Buffer.from([0xff])]) {
      expect(await client.ask(bytes)).toBeUndefined();
    }
    expect(world.core.counters.malformed).toBe(4);
  });

  it('what a peer sends is not read: STUN and ChannelData in it are only data', async () => {
    const {client, four} = await start();
    await client.bind(0x4000, PEER, 9);
    for (const data of [channelData(0x4000, Buffer.from('x')), client.build(METHOD.refresh, [lifetime(0)])]) {
      expect(client.fromPeer(four, PEER, 9, data)).toEqual(channelData(0x4000, data));
    }
    expect(four.closing).toBe(false);
  });

  it('a client can send to a peer over a channel', async () => {
    const {client, four} = await start();
    await client.bind(0x4000, PEER, 9);
    client.channelData(0x4000, Buffer.from('there'));
    expect(four.sent).toEqual([{peer: endpoint(PEER, 9), bytes: Buffer.from('there')}]);
  });

  it('a Refresh keeps the allocation', async () => {
    const {world, client, four} = await start({lifetimeMs: 30_000});
    for (let index = 0; index < 10; index++) {
      await world.advance(15_000);
      expect(lifetimeOf(await client.refresh())).toBe(30);
    }
    expect(four.closing).toBe(false);
  });

  it('an attribute that may be passed over is passed over', async () => {
    const client = new World().client();
    expect(
      (
        await client.allocate([
          [0xc057, Buffer.alloc(4)],
          [ATTRIBUTE.software, Buffer.from('x')],
        ])
      ).code,
    ).toBe(0);
    const binding = new MessageBuilder(METHOD.binding, CLASS.request).add(0x8029, Buffer.alloc(8)).build();
    expect((await client.ask(binding))?.code).toBe(0);
  });

  it('every answer to a request that was signed is signed', async () => {
    const {client} = await start();
    const answers = [
      await client.permit(PEER),
      await client.bind(0x4000, PEER, 9),
      await client.refresh(),
      await client.allocate(),
      await client.bind(1, PEER, 9),
    ];
    expect(answers.map(({signed}) => signed)).toEqual([true, true, true, true, true]);
  });

  it('a lifetime that is asked for is given', async () => {
    const client = new World().client();
    expect(lifetimeOf(await client.allocate([lifetime(1200)]))).toBe(1200);
  });
});

describe('ports and quotas', () => {
  it('coturn 4adbd82e: EVEN-PORT without R leaks no port, and with R none either', async () => {
    const world = new World({admissionLimits: {perUserPerMinute: 1000}});
    for (const reserve of [false, true]) {
      for (let index = 0; index < 300; index++) {
        const client = world.client({port: 1000 + index});
        expect((await client.allocate([[ATTRIBUTE.evenPort, writeEvenPort(reserve)]])).code).toBe(0);
        await client.refresh(0);
        await world.advance(reserve ? 30_000 : 100);
      }
      expect([world.io.open.size, world.admission.held]).toEqual([0, 0]);
    }
  });

  it('coturn 4.16 and 4.17: an allocation counts until its descriptor is closed', async () => {
    const world = new World();
    const closed: (() => void)[] = [];
    world.io.beforeClosed = async () =>
      new Promise((resolve) => {
        closed.push(resolve);
      });
    const clients = Array.from({length: 5}, () => world.client());
    for (const client of clients) {
      await client.allocated();
      await client.refresh(0);
    }
    expect((await world.client().allocate()).code).toBe(486);
    closed.forEach((done) => done());
    await settle();
    expect((await world.client().allocate()).code).toBe(0);
  });

  it('node-turn: sockets of a hundred allocations are closed with them', async () => {
    const world = new World({admissionLimits: {perUserPerMinute: 1000}});
    for (let index = 0; index < 100; index++) {
      const client = world.client();
      await client.allocated();
      await client.refresh(0);
      await settle();
    }
    expect([world.io.opened, world.io.open.size]).toEqual([100, 0]);
  });

  it('coturn 4.6.1: channels above 0x4FFF are refused, and data on them dropped', async () => {
    const {client, four} = await start();
    expect((await client.bind(0x5000, PEER, 9)).code).toBe(400);
    for (const channel of [0x5000, 0x7fff, 0x3fff, 0x8000, 0xffff]) client.channelData(channel, Buffer.from('x'));
    expect(four.sent).toEqual([]);
  });
});
