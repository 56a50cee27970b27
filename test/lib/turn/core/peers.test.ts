import {describe, expect, it} from 'vitest';

import {newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, METHOD} from '../../../../src/lib/stun/types.ts';
import {writeChannelNumber} from '../../../support/stun-attributes.ts';
import {channelData, PEER, PEER6, peer, World} from './harness.ts';
import type {Client} from './harness.ts';
import {RELAY4} from './fakes.ts';

const OTHER = '9.9.9.9';
const hello = Buffer.from('hello');

async function start(
  options: ConstructorParameters<typeof World>[0] = {},
): Promise<{world: World; client: Client; arrives: (address: string, port?: number) => boolean}> {
  const world = new World(options);
  const client = world.client();
  const socket = await client.allocated();
  return {world, client, arrives: (address, port = 9) => client.fromPeer(socket, address, port, hello) !== undefined};
}

describe('CreatePermission (RFC 8656 section 10.2)', () => {
  it('opens an address, all its ports, for five minutes from the last request', async () => {
    const {world, client, arrives} = await start();
    expect(arrives(PEER)).toBe(false);
    expect((await client.permit(PEER)).code).toBe(0);
    expect([arrives(PEER, 1), arrives(PEER, 65_535), arrives(OTHER)]).toEqual([true, true, false]);
    await world.advance(299_000);
    await client.permit(PEER);
    await world.advance(299_999);
    expect(arrives(PEER)).toBe(true);
    world.nowMs += 1;
    expect(arrives(PEER)).toBe(false);
  });

  it('is not refreshed by data', async () => {
    const {world, client, arrives} = await start();
    await client.permit(PEER);
    await world.advance(200_000);
    client.sendIndication(PEER, 9, hello);
    expect(arrives(PEER)).toBe(true);
    await world.advance(100_000);
    expect(arrives(PEER)).toBe(false);
  });

  it('takes several addresses, all or none', async () => {
    const {client, arrives} = await start();
    expect((await client.permit(PEER, '127.0.0.1', OTHER)).code).toBe(403);
    expect((await client.permit(PEER, PEER6)).code).toBe(443);
    expect([arrives(PEER), arrives(OTHER)]).toEqual([false, false]);
    expect((await client.permit(PEER, OTHER)).code).toBe(0);
    expect([arrives(PEER), arrives(OTHER)]).toEqual([true, true]);
  });

  it('forbids an address that the machine got meanwhile, in ChannelBind too', async () => {
    const {world, client} = await start();
    expect((await client.permit(PEER)).code).toBe(0);
    world.io.own.add(PEER);
    expect((await client.permit(PEER)).code).toBe(403);
    expect((await client.bind(0x4000, PEER, 9)).code).toBe(403);
  });

  it('without an address or with a broken one is 400, without an allocation 437', async () => {
    const {world, client} = await start();
    expect((await client.permit()).code).toBe(400);
    const id = newTransactionId();
    const broken = [peer(PEER, 1, id), [ATTRIBUTE.xorPeerAddress, Buffer.alloc(7)] as const];
    expect((await client.request(METHOD.createPermission, broken, id)).code).toBe(400);
    expect((await world.client().permit(PEER)).code).toBe(437);
  });

  it('is 508 past the bound, until permissions have ended; one that is there can be renewed', async () => {
    const {world, client} = await start({limits: {permissionsPerAllocation: 2}});
    expect((await client.permit(PEER, OTHER)).code).toBe(0);
    expect((await client.permit('1.1.1.1')).code).toBe(508);
    expect((await client.bind(0x4000, '1.1.1.1', 9)).code).toBe(508);
    expect((await client.permit(PEER, PEER)).code).toBe(0);
    await world.advance(300_000);
    expect((await client.permit('1.1.1.1')).code).toBe(0);
  });
});

describe('ChannelBind (RFC 8656 section 12)', () => {
  it('binds 0x4000 to 0x4FFF and refuses other numbers with 400', async () => {
    const {client} = await start();
    expect((await client.bind(0x4000, PEER, 1)).code).toBe(0);
    expect((await client.bind(0x4fff, PEER, 2)).code).toBe(0);
    for (const channel of [0x3fff, 0x5000, 0x7fff, 0]) expect((await client.bind(channel, PEER, 3)).code).toBe(400);
  });

  it('needs both a channel and a peer', async () => {
    const {client} = await start();
    const id = newTransactionId();
    expect((await client.request(METHOD.channelBind, [peer(PEER, 1, id)], id)).code).toBe(400);
    expect(
      (await client.request(METHOD.channelBind, [[ATTRIBUTE.channelNumber, writeChannelNumber(0x4000)]])).code,
    ).toBe(400);
  });

  it('keeps one peer for a channel and one channel for a peer', async () => {
    const {client} = await start();
    expect((await client.bind(0x4000, PEER, 1)).code).toBe(0);
    expect((await client.bind(0x4000, PEER, 2)).code).toBe(400);
    expect((await client.bind(0x4001, PEER, 1)).code).toBe(400);
    expect((await client.bind(0x4000, PEER, 1)).code).toBe(0);
    expect((await client.bind(0x4001, PEER, 2)).code).toBe(0);
    expect((await client.bind(0x4001, PEER, 1)).code).toBe(400);
  });

  it('lasts ten minutes, after which channel and peer are free', async () => {
    const {world, client} = await start({lifetimeMs: 3_600_000});
    await client.bind(0x4000, PEER, 1);
    await world.advance(599_000);
    expect((await client.bind(0x4000, PEER, 2)).code).toBe(400);
    await world.advance(1000);
    expect((await client.bind(0x4000, PEER, 2)).code).toBe(0);
    expect((await client.bind(0x4001, PEER, 1)).code).toBe(0);
  });

  it('lasts ten minutes from the last request, also between two ticks', async () => {
    const {world, client} = await start({lifetimeMs: 3_600_000});
    await client.bind(0x4000, PEER, 1);
    await world.advance(500_000);
    await client.bind(0x4000, PEER, 1);
    await world.advance(599_000);
    expect((await client.bind(0x4000, PEER, 2)).code).toBe(400);
    world.nowMs += 1000;
    expect((await client.bind(0x4000, PEER, 2)).code).toBe(0);
  });

  it('gives the place of its permission back when both are over', async () => {
    const {world, client} = await start({lifetimeMs: 3_600_000, limits: {permissionsPerAllocation: 1}});
    await client.bind(0x4000, PEER, 1);
    await world.advance(599_000);
    expect((await client.permit(OTHER)).code).toBe(508);
    await world.advance(1000);
    expect((await client.permit(OTHER)).code).toBe(0);
  });

  it('installs and refreshes the permission; without a live one the channel is silent', async () => {
    const {world, client, arrives} = await start({lifetimeMs: 3_600_000});
    await client.bind(0x4000, PEER, 9);
    expect(arrives(PEER, 10)).toBe(true);
    await world.advance(300_000);
    expect(arrives(PEER, 9)).toBe(false);
    await client.permit(PEER);
    expect(arrives(PEER, 9)).toBe(true);
    await world.advance(200_000);
    await client.bind(0x4000, PEER, 9);
    await world.advance(200_000);
    expect(arrives(PEER, 9)).toBe(true);
  });

  it('falls back to Data indications once the channel is over and the permission is not', async () => {
    const {world, client} = await start({lifetimeMs: 3_600_000});
    await client.bind(0x4000, PEER, 9);
    const [socket] = world.io.open.values();
    expect(client.fromPeer(socket!, PEER, 9, hello)).toEqual(channelData(0x4000, hello));
    await world.advance(599_000);
    await client.permit(PEER);
    await world.advance(1000);
    expect(client.fromPeer(socket!, PEER, 9, hello)?.readUInt16BE()).toBe(0x0017);
    client.channelData(0x4000, hello);
    expect(socket!.sent).toHaveLength(0);
  });

  it('refuses a denied peer with 403, another family with 443, and too many with 508', async () => {
    const {client} = await start({limits: {channelsPerAllocation: 1}});
    expect((await client.bind(0x4000, '10.0.0.1', 9)).code).toBe(403);
    expect((await client.bind(0x4000, PEER6, 9)).code).toBe(443);
    expect((await client.bind(0x4000, PEER, 9)).code).toBe(0);
    expect((await client.bind(0x4001, OTHER, 9)).code).toBe(508);
    expect((await client.bind(0x4000, PEER, 9)).code).toBe(0);
  });

  it('without an allocation is 437', async () => {
    expect((await new World().client().bind(0x4000, PEER, 9)).code).toBe(437);
  });
});

describe('own relay addresses', () => {
  it('are peers on relay ports, where two clients of this server meet, and on no other', async () => {
    const {world, client} = await start();
    const other = world.client();
    const socket = await other.allocated();
    expect((await client.permit(RELAY4)).code).toBe(0);
    const [own] = world.io.open.values();
    client.sendIndication(RELAY4, socket.relayed.port, hello);
    client.sendIndication(RELAY4, 22, hello);
    expect(own!.sent.map(({peer: {port}}) => port)).toEqual([socket.relayed.port]);
    expect(client.fromPeer(own!, RELAY4, 53, hello)).toBeUndefined();
    expect((await client.bind(0x4000, RELAY4, 22)).code).toBe(403);
    expect((await client.bind(0x4000, RELAY4, socket.relayed.port)).code).toBe(0);
  });
});
