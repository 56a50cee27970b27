import {describe, expect, it} from 'vitest';

import {METHOD} from '../../../../src/lib/stun/types.ts';
import {settle, udp, World} from './harness.ts';
import {gate} from './fakes.ts';

describe('quotas', () => {
  it('of a user: five at once, 486 for the sixth, one more when one has ended', async () => {
    const world = new World();
    const clients = Array.from({length: 6}, () => world.client());
    const codes = [];
    for (const client of clients) codes.push((await client.allocate()).code);
    expect(codes).toEqual([0, 0, 0, 0, 0, 486]);
    await clients[0]!.refresh(0);
    await settle();
    expect((await clients[5]!.allocate()).code).toBe(0);
    expect(world.core.counters.allocationsRefused['user-quota']).toBe(1);
  });

  it('of a user: ten a minute', async () => {
    const world = new World();
    const client = world.client();
    for (let index = 0; index < 10; index++) {
      expect((await client.allocate()).code).toBe(0);
      await client.refresh(0);
      await settle();
    }
    expect((await client.allocate()).code).toBe(486);
    expect(world.core.counters.allocationsRefused['user-rate']).toBe(1);
    await world.advance(6000);
    expect((await client.allocate()).code).toBe(0);
  });

  it('of all: 508', async () => {
    const world = new World({admissionLimits: {maxAllocations: 2}});
    const codes = [];
    for (let index = 0; index < 3; index++) codes.push((await world.client().allocate()).code);
    expect(codes).toEqual([0, 0, 508]);
    expect(world.core.counters.allocationsRefused['total-quota']).toBe(1);
  });

  it('bounds what waits for a socket', async () => {
    const world = new World({limits: {openings: 2}, admissionLimits: {maxPerUser: 10}});
    const clients = Array.from({length: 3}, () => world.client());
    for (const client of clients) await client.learnNonce();
    world.io.beforeOpen = gate().wait;
    const answers = [];
    for (const client of clients) answers.push((await client.ask(client.build(METHOD.allocate, [udp])))?.code);
    expect(answers).toEqual([undefined, undefined, 508]);
  });
});
