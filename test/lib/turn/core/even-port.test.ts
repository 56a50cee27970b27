import {describe, expect, it} from 'vitest';

import {ATTRIBUTE} from '../../../../src/lib/stun/types.ts';
import {writeEvenPort} from '../../../support/stun-attributes.ts';
import {additional, family, relayedOf, World} from './harness.ts';
import type {Answer, Attribute} from './harness.ts';
import {RELAY4} from './fakes.ts';

const evenPort = (reserve: boolean): Attribute => [ATTRIBUTE.evenPort, writeEvenPort(reserve)];
const token = (value: Uint8Array): Attribute => [ATTRIBUTE.reservationToken, value];
const tokenOf = (answer: Answer): Uint8Array =>
  Uint8Array.from(answer.message.attribute(ATTRIBUTE.reservationToken) ?? []);

describe('EVEN-PORT and RESERVATION-TOKEN (RFC 8656 sections 7.2 and 18.6)', () => {
  it('gives an even port, and the next one to who brings the token', async () => {
    const world = new World();
    await world.client().allocated();
    const rtp = await world.client().allocate([evenPort(true)]);
    expect(relayedOf(rtp)).toBe(`${RELAY4}|50002`);
    expect(tokenOf(rtp)).toHaveLength(8);
    expect(world.core.stats().reservations).toBe(1);
    const rtcp = await world.client().allocate([token(tokenOf(rtp))]);
    expect(relayedOf(rtcp)).toBe(`${RELAY4}|50003`);
    expect(world.core.stats()).toMatchObject({allocations: 3, reservations: 0});
    expect(world.admission.held).toBe(3);
  });

  it('gives an even port alone without R', async () => {
    const answer = await new World().client().allocate([evenPort(false)]);
    expect([answer.code, tokenOf(answer).length]).toEqual([0, 0]);
  });

  it('lets a token work once, for 30 seconds, for the same user', async () => {
    const world = new World({
      admissionLimits: {maxPerUser: 10},
      users: new Map([
        ['ann', 'a'],
        ['bob', 'b'],
      ]),
    });
    const ann = world.client({password: 'a'});
    const reserved = tokenOf(await ann.allocate([evenPort(true)]));
    expect((await world.client({user: 'bob', password: 'b'}).allocate([token(reserved)])).code).toBe(508);
    expect((await world.client({password: 'a'}).allocate([token(reserved)])).code).toBe(0);
    expect((await world.client({password: 'a'}).allocate([token(reserved)])).code).toBe(508);
    const soon = tokenOf(await world.client({password: 'a'}).allocate([evenPort(true)]));
    await world.advance(29_999);
    expect((await world.client({password: 'a'}).allocate([token(soon)])).code).toBe(0);
    const late = tokenOf(await world.client({password: 'a'}).allocate([evenPort(true)]));
    await world.advance(29_000);
    world.nowMs += 1000;
    expect((await world.client({password: 'a'}).allocate([token(late)])).code).toBe(508);
    expect((await world.client({password: 'a'}).allocate([token(Buffer.alloc(8))])).code).toBe(508);
  });

  it('refuses a token with anything about ports or families, or of another length, with 400', async () => {
    const client = new World().client();
    for (const more of [evenPort(false), family(4), additional]) {
      expect((await client.allocate([token(Buffer.alloc(8)), more])).code).toBe(400);
    }
    expect((await client.allocate([token(Buffer.alloc(7))])).code).toBe(400);
  });

  it('keeps no more ports than it may', async () => {
    const world = new World({limits: {reservations: 1}});
    const [first, second] = [world.client(), world.client()];
    await first.learnNonce();
    await second.learnNonce();
    const codes = await Promise.all(
      [first, second].map(async (client) => (await client.allocate([evenPort(true)])).code),
    );
    expect(codes).toEqual([0, 508]);
    expect([world.io.open.size, world.admission.held]).toEqual([2, 1]);
    await world.advance(30_000);
    expect((await world.client().allocate([evenPort(true)])).code).toBe(0);
  });
});
