import {describe, expect, it} from 'vitest';

import {writeAddressFamily, writeRequestedTransport} from '../../../../src/lib/stun/attributes.ts';
import {newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, METHOD} from '../../../../src/lib/stun/types.ts';
import {readXorAddress} from '../../../../src/lib/stun/xor-address.ts';
import {writeEvenPort} from '../../../support/stun-attributes.ts';
import {additional, family, lifetime, lifetimeOf, PEER, relayedOf, settle, udp, World} from './harness.ts';
import type {Attribute} from './harness.ts';
import {RELAY4, RELAY6, gate} from './fakes.ts';

const evenPort = (reserve: boolean): Attribute => [ATTRIBUTE.evenPort, writeEvenPort(reserve)];

describe('Allocate (RFC 8656 section 7.2)', () => {
  it('answers with the relayed and the mapped address and a lifetime, and holds the path', async () => {
    const world = new World();
    const client = world.client();
    const answer = await client.allocate();
    expect(relayedOf(answer)).toBe(`${RELAY4}|50000`);
    expect(lifetimeOf(answer)).toBe(600);
    const mapped = readXorAddress(
      answer.message.attribute(ATTRIBUTE.xorMappedAddress) ?? Buffer.alloc(0),
      answer.message.transactionId,
    );
    expect([[...(mapped?.bytes ?? [])], mapped?.port]).toEqual([[203, 0, 113, 9], client.path.remote.port]);
    expect(client.path.held).toBe(true);
    expect(world.core.stats()).toEqual({allocations: 1, opening: 0, reservations: 0, closing: 0});
  });

  it('knows only UDP: no REQUESTED-TRANSPORT or a broken one is 400, TCP is 442', async () => {
    const world = new World();
    const client = world.client();
    const transport = (value: Uint8Array): Attribute => [ATTRIBUTE.requestedTransport, value];
    expect((await client.request(METHOD.allocate, [])).code).toBe(400);
    expect((await client.request(METHOD.allocate, [transport(Buffer.from([17]))])).code).toBe(400);
    for (const protocol of [6, 0, 255]) {
      expect((await client.request(METHOD.allocate, [transport(writeRequestedTransport(protocol))])).code).toBe(442);
    }
    expect(world.core.counters.allocationsRefused.transport).toBe(3);
    expect(client.path.held).toBe(false);
  });

  it('clamps the lifetime between the default and the maximum; a broken one is 400', async () => {
    const world = new World({
      lifetimeMs: 60_000,
      maxLifetimeMs: 120_000,
      admissionLimits: {maxPerUser: 100, perUserPerMinute: 100},
    });
    for (const [wanted, given] of [
      [0, 60],
      [30, 60],
      [61, 61],
      [120, 120],
      [121, 120],
      [0xffffffff, 120],
    ] as const) {
      expect(lifetimeOf(await world.client().allocate([lifetime(wanted)]))).toBe(given);
    }
    expect((await world.client().allocate([[ATTRIBUTE.lifetime, Buffer.alloc(2)]])).code).toBe(400);
  });

  it('on a 5-tuple that has an allocation is 437', async () => {
    const client = new World().client();
    await client.allocated();
    expect((await client.allocate()).code).toBe(437);
  });

  it('is answered the same when it is sent again, with one socket', async () => {
    const world = new World();
    const client = world.client();
    const id = newTransactionId();
    const first = await client.allocate([], id);
    await client.permit(PEER);
    const again = await client.allocate([], id);
    expect(again.bytes.equals(first.bytes)).toBe(true);
    expect(world.io.opened).toBe(1);
  });

  it('is answered once when it is sent again while the socket is being opened', async () => {
    const world = new World();
    const client = world.client();
    await client.learnNonce();
    const door = gate();
    world.io.beforeOpen = door.wait;
    const request = client.build(METHOD.allocate, [udp]);
    for (let index = 0; index < 3; index++) expect(await client.ask(request)).toBeUndefined();
    expect((await client.allocate())?.code).toBe(437);
    client.path.sent = [];
    door.open();
    await settle();
    expect(client.path.sent).toHaveLength(1);
    expect(world.io.opened).toBe(1);
    expect(world.admission.held).toBe(1);
  });

  it('whose stream ends while the socket is being opened leaves nothing', async () => {
    const world = new World();
    const client = world.client({transport: 'tcp'});
    await client.learnNonce();
    const door = gate();
    world.io.beforeOpen = door.wait;
    await client.ask(client.build(METHOD.allocate, [udp]));
    world.core.pathClosed(client.path);
    door.open();
    await settle();
    expect(world.io.opened).toBe(1);
    expect([world.io.open.size, world.admission.held, client.path.sent.length]).toEqual([0, 0, 0]);
    expect(client.path.held).toBe(false);
  });

  it('without a free port is 508, and lets go of quota and path', async () => {
    const world = new World();
    world.io.ports = 0;
    const client = world.client({transport: 'tcp'});
    expect((await client.allocate()).code).toBe(508);
    expect([world.admission.held, client.path.held, world.core.stats().opening]).toEqual([0, false, 0]);
    expect(world.core.counters.allocationsRefused['no-port']).toBe(1);
  });

  it('is 508 when I/O or admission break', async () => {
    const world = new World();
    world.io.beforeOpen = async () => Promise.reject(new Error('EMFILE'));
    expect((await world.client().allocate()).code).toBe(508);
    const broken = new World({admission: {admit: async () => Promise.reject(new Error('gone'))}});
    expect((await broken.client().allocate()).code).toBe(508);
    expect(broken.core.stats().opening).toBe(0);
  });

  it('is refused while draining, and what is there goes on', async () => {
    const world = new World();
    const [first, second] = [world.client(), world.client()];
    await first.allocated();
    world.core.drain();
    expect((await second.allocate()).code).toBe(508);
    expect((await first.refresh()).code).toBe(0);
  });
});

describe('address families (RFC 8656 section 7.2, RFC 6156)', () => {
  it('gives IPv6 when asked, and 440 for a family that is not there', async () => {
    const world = new World();
    expect(relayedOf(await world.client().allocate([family(6)]))).toBe(`${RELAY6}|50000`);
    expect((await world.client().allocate([[ATTRIBUTE.requestedAddressFamily, Buffer.from([3, 0, 0, 0])]])).code).toBe(
      440,
    );
    world.io.families = [4];
    expect((await world.client().allocate([family(6)])).code).toBe(440);
    expect(world.core.counters.allocationsRefused['address-family']).toBe(1);
  });

  it('gives both with ADDITIONAL-ADDRESS-FAMILY, for one place in the quota', async () => {
    const world = new World();
    const answer = await world.client().allocate([additional]);
    expect(answer.code).toBe(0);
    expect([...world.io.open.keys()].sort()).toEqual([`${RELAY4}|50000`, `${RELAY6}|50000`].sort());
    expect(relayedOf(answer)).toBe(`${RELAY4}|50000`);
    expect(world.admission.held).toBe(1);
  });

  it('says with ADDRESS-ERROR-CODE which of both is not there', async () => {
    const world = new World();
    for (const [families, expected] of [
      [[4], '02000428'],
      [[6], '01000428'],
    ] as const) {
      world.io.families = families;
      const answer = await world.client().allocate([additional]);
      expect(answer.code).toBe(0);
      expect(Buffer.from(answer.message.attribute(ATTRIBUTE.addressErrorCode) ?? []).toString('hex')).toBe(expected);
    }
    world.io.families = [];
    expect((await world.client().allocate([additional])).code).toBe(440);
  });

  it('refuses what contradicts itself with 400', async () => {
    const client = new World().client();
    for (const attributes of [
      [family(4), additional],
      [additional, evenPort(true)],
      [[ATTRIBUTE.additionalAddressFamily, writeAddressFamily(4)] as const],
      [[ATTRIBUTE.requestedAddressFamily, Buffer.alloc(1)] as const],
      [[ATTRIBUTE.evenPort, Buffer.alloc(4)] as const],
    ]) {
      expect((await client.allocate(attributes)).code).toBe(400);
    }
  });
});
