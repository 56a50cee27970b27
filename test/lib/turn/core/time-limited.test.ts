import {describe, expect, it} from 'vitest';

import {issueCredential} from '../../../../src/lib/turn/core/credentials.ts';
import {lifetimeOf, PEER, World} from './harness.ts';

const SECRET = 'north wind';
const HOUR_MS = 3_600_000;

function issue(world: World, user = 'did:peers:ann', lifetimeMs = HOUR_MS): {user: string; password: string} {
  const {username, credential} = issueCredential({user, secret: SECRET, lifetimeMs, nowMs: world.wallMs});
  return {user: username, password: credential};
}

describe('time-limited credentials', () => {
  it('open an allocation until they expire, for users with colons in their names', async () => {
    const world = new World({secrets: [SECRET]});
    const client = world.client(issue(world));
    expect((await client.allocate()).code).toBe(0);
    await world.advance(HOUR_MS);
    const late = world.client({user: client.user, password: client.password});
    expect((await late.allocate()).code).toBe(401);
  });

  it('may be 509 bytes long', async () => {
    const world = new World({secrets: [SECRET]});
    const client = world.client(issue(world, `did:peers:${'x'.repeat(509 - 21)}`));
    expect(Buffer.byteLength(client.user)).toBe(509);
    expect((await client.allocate()).code).toBe(0);
    expect((await world.client(issue(world, 'x'.repeat(600))).allocate()).code).toBe(401);
  });

  it('are those of either secret while one replaces the other', async () => {
    const world = new World({secrets: ['new', SECRET]});
    expect((await world.client(issue(world)).allocate()).code).toBe(0);
    expect((await new World({secrets: ['new']}).client(issue(world)).allocate()).code).toBe(401);
  });

  it('are those of new secrets as soon as there are any, and live allocations stay', async () => {
    const world = new World({secrets: [SECRET]});
    const client = world.client(issue(world));
    await client.allocated();
    world.core.setSecrets(['new']);
    expect((await client.refresh()).code).toBe(0);
    expect((await world.client(issue(world)).allocate()).code).toBe(401);
    world.core.setSecrets(['new', SECRET]);
    expect((await world.client(issue(world)).allocate()).code).toBe(0);
  });

  it('that expired still refresh, permit and bind a live allocation, and open no new one', async () => {
    const world = new World({secrets: [SECRET]});
    const client = world.client(issue(world, 'ann', 60_000));
    await client.allocated();
    await world.advance(120_000);
    expect(lifetimeOf(await client.refresh())).toBe(600);
    expect((await client.permit(PEER)).code).toBe(0);
    expect((await client.bind(0x4000, PEER, 9)).code).toBe(0);
    expect((await client.refresh(0)).code).toBe(0);
    expect((await client.allocate()).code).toBe(401);
  });
});
