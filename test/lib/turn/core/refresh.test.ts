import {describe, expect, it} from 'vitest';

import {newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, METHOD} from '../../../../src/lib/stun/types.ts';
import {additional, family, lifetime, lifetimeOf, PEER, PEER6, settle, World} from './harness.ts';

describe('Refresh (RFC 8656 section 8.2)', () => {
  it('keeps an allocation alive, which ends without it', async () => {
    const world = new World();
    const client = world.client();
    const socket = await client.allocated();
    await world.advance(590_000);
    expect(lifetimeOf(await client.refresh())).toBe(600);
    await world.advance(590_000);
    expect(socket.closing).toBe(false);
    await world.advance(10_000);
    expect([socket.closing, client.path.held, world.admission.held]).toEqual([true, false, 0]);
    expect((await client.refresh()).code).toBe(437);
    expect(world.core.counters.allocationsExpired).toBe(1);
  });

  it('is 437 for an allocation that is over, also between two ticks', async () => {
    const world = new World();
    const client = world.client();
    const socket = await client.allocated();
    world.nowMs += 600_000;
    expect((await client.refresh()).code).toBe(437);
    expect(socket.closing).toBe(true);
  });

  it('gives a lifetime between the default and the maximum', async () => {
    const client = new World({lifetimeMs: 30_000, maxLifetimeMs: 60_000}).client();
    await client.allocated();
    for (const [wanted, given] of [
      [undefined, 30],
      [1, 30],
      [45, 45],
      [600, 60],
    ] as const) {
      expect(lifetimeOf(await client.refresh(wanted))).toBe(given);
    }
    expect((await client.refresh(undefined, [[ATTRIBUTE.lifetime, Buffer.alloc(3)]])).code).toBe(400);
  });

  it('with 0 ends it: socket closed, path let go, quota back once the descriptor is closed', async () => {
    const world = new World();
    const client = world.client({transport: 'tcp'});
    const socket = await client.allocated();
    let closed = (): void => {};
    world.io.beforeClosed = async () =>
      new Promise((resolve) => {
        closed = resolve;
      });
    expect(lifetimeOf(await client.refresh(0))).toBe(0);
    expect([socket.closing, client.path.held, world.admission.held, world.core.stats().closing]).toEqual([
      true,
      false,
      1,
      1,
    ]);
    closed();
    await settle();
    expect([world.admission.held, world.core.stats().closing]).toEqual([0, 0]);
  });

  it('with 0 is answered the same when it is sent again', async () => {
    const client = new World().client();
    await client.allocated();
    const id = newTransactionId();
    const first = await client.request(METHOD.refresh, [lifetime(0)], id);
    const again = await client.request(METHOD.refresh, [lifetime(0)], id);
    expect(again.bytes.equals(first.bytes)).toBe(true);
    expect((await client.refresh(0)).code).toBe(437);
  });

  it('of one family changes that one alone, and the last one ends the allocation', async () => {
    const world = new World();
    const client = world.client();
    await client.allocated([additional]);
    const [four, six] = world.io.open.values();
    await client.bind(0x4000, PEER, 9);
    await client.bind(0x4001, PEER6, 9);
    expect((await client.refresh(0, [family(4)])).code).toBe(0);
    expect([four!.closing, six!.closing]).toEqual([true, false]);
    expect((await client.refresh(undefined, [family(4)])).code).toBe(443);
    expect((await client.permit(PEER)).code).toBe(443);
    client.channelData(0x4000, Buffer.from('gone'));
    client.channelData(0x4001, Buffer.from('here'));
    expect([four!.sent.length, six!.sent.length]).toEqual([0, 1]);
    await world.advance(600_000);
    expect([six!.closing, world.core.stats().allocations, world.admission.held]).toEqual([true, 0, 0]);
  });

  it('of both families lets one live longer than the other', async () => {
    const world = new World();
    const client = world.client();
    await client.allocated([additional]);
    const [four, six] = world.io.open.values();
    await world.advance(500_000);
    await client.refresh(undefined, [family(6)]);
    await world.advance(100_000);
    expect([four!.closing, six!.closing, client.path.held]).toEqual([true, false, true]);
  });

  it('naming a family that is no family of the allocation is 443', async () => {
    const client = new World().client();
    await client.allocated();
    expect((await client.refresh(0, [family(6)])).code).toBe(443);
    expect((await client.refresh(0, [[ATTRIBUTE.requestedAddressFamily, Buffer.from([9, 0, 0, 0])]])).code).toBe(443);
    expect((await client.refresh(0, [[ATTRIBUTE.requestedAddressFamily, Buffer.alloc(0)]])).code).toBe(400);
  });

  it('without an allocation is 437', async () => {
    expect((await new World().client().refresh()).code).toBe(437);
  });
});

describe('the end of a path', () => {
  it('ends its allocation', async () => {
    const world = new World();
    const client = world.client({transport: 'tls'});
    const socket = await client.allocated();
    world.core.pathClosed(client.path);
    await settle();
    expect([socket.closing, world.admission.held, world.core.stats().allocations]).toEqual([true, 0, 0]);
    world.core.pathClosed(client.path);
  });
});

describe('close', () => {
  it('gives the quota back also when a socket fails to close', async () => {
    const world = new World();
    await world.client().allocated();
    world.io.beforeClosed = async () => Promise.reject(new Error('EBADF'));
    await world.core.close();
    expect([world.admission.held, world.core.stats().closing]).toEqual([0, 0]);
  });

  it('ends all, reserved ports and sockets on their way too, and waits for the descriptors', async () => {
    const world = new World();
    await world.client().allocated();
    await world.client().allocated([additional]);
    await world.client().allocated([[ATTRIBUTE.evenPort, Buffer.from([0x80])]]);
    const late = world.client();
    await late.learnNonce();
    late.raw(late.build(METHOD.allocate, [[ATTRIBUTE.requestedTransport, Buffer.from([17, 0, 0, 0])]]));
    expect(world.io.open.size).toBe(5);
    await world.core.close();
    expect([world.io.open.size, world.admission.held]).toEqual([0, 0]);
    expect(world.core.stats()).toEqual({allocations: 0, opening: 0, reservations: 0, closing: 0});
    expect((await late.allocate()).code).toBe(508);
  });
});
