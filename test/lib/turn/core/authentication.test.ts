import {describe, expect, it} from 'vitest';

import {PASSWORD_ALGORITHM, writePasswordAlgorithms} from '../../../../src/lib/stun/attributes.ts';
import {MessageBuilder} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {issueCredential} from '../../../../src/lib/turn/core/credentials.ts';
import {lifetime, lifetimeOf, PEER, udp, USER, World} from './harness.ts';
import type {Attribute, Client} from './harness.ts';

const SECRET = 'north wind';
const HOUR_MS = 3_600_000;

const offer: Attribute = [
  ATTRIBUTE.passwordAlgorithms,
  writePasswordAlgorithms(PASSWORD_ALGORITHM.sha256, PASSWORD_ALGORITHM.md5),
];
const choice = (algorithm: number): Attribute => [ATTRIBUTE.passwordAlgorithm, writePasswordAlgorithms(algorithm)];

function issue(world: World, user = 'did:peers:ann', lifetimeMs = HOUR_MS): {user: string; password: string} {
  const {username, credential} = issueCredential({user, secret: SECRET, lifetimeMs, nowMs: world.wallMs});
  return {user: username, password: credential};
}

/** Uses SHA-256 for the key and the integrity, as a client of RFC 8489 does when it is offered. */
async function chooseSha256(client: Client): Promise<void> {
  await client.learnNonce();
  client.integrity = 'sha256';
  client.keyAlgorithm = 'sha256';
  client.extra = [offer, choice(PASSWORD_ALGORITHM.sha256)];
}

describe('a request without credentials', () => {
  it('is answered 401 with realm and nonce, without integrity, software or a reason', async () => {
    const client = new World().client();
    const answer = await client.learnNonce();
    expect(answer.code).toBe(401);
    expect(Buffer.from(answer.message.attribute(ATTRIBUTE.realm) ?? []).toString()).toBe('t.example');
    expect(answer.message.attribute(ATTRIBUTE.errorCode)).toHaveLength(4);
    for (const type of [ATTRIBUTE.software, ATTRIBUTE.messageIntegrity, ATTRIBUTE.passwordAlgorithms]) {
      expect(answer.message.has(type)).toBe(false);
    }
  });

  it('is asked for a password also for every other method', async () => {
    const client = new World().client();
    for (const method of [METHOD.refresh, METHOD.createPermission, METHOD.channelBind]) {
      expect((await client.ask(client.build(method, [lifetime(600)])))?.code).toBe(401);
    }
  });

  it('gets a FINGERPRINT if it had one', async () => {
    const client = new World().client();
    const request = new MessageBuilder(METHOD.allocate, CLASS.request)
      .add(...udp)
      .fingerprint()
      .build();
    expect((await client.ask(request))?.message.fingerprinted).toBe(true);
    expect((await client.learnNonce()).message.fingerprinted).toBe(false);
  });
});

describe('a signed request', () => {
  it('lacks nothing: username, realm and nonce, or it is 400 (RFC 8489 section 9.2.4)', async () => {
    const client = new World().client();
    await client.learnNonce();
    const parts: Attribute[] = [
      [ATTRIBUTE.username, Buffer.from(USER)],
      [ATTRIBUTE.realm, Buffer.from('t.example')],
      [ATTRIBUTE.nonce, client.nonce ?? Buffer.alloc(0)],
    ];
    for (const missing of parts) {
      const builder = new MessageBuilder(METHOD.allocate, CLASS.request).add(...udp);
      for (const [type, value] of parts.filter((part) => part !== missing)) builder.add(type, value);
      const answer = await client.ask(builder.integrity(client.key, 'sha1').build());
      expect([answer?.code, answer?.message.has(ATTRIBUTE.nonce)]).toEqual([400, false]);
    }
  });

  it('with a wrong password or an unknown user is 401 with a new nonce', async () => {
    const world = new World();
    for (const wrong of [{password: 'wrong'}, {user: 'bob'}]) {
      const answer = await world.client(wrong).allocate();
      expect(answer.code).toBe(401);
      expect(answer.message.has(ATTRIBUTE.nonce)).toBe(true);
    }
    expect(world.core.counters.authFailures).toBe(2);
    expect(world.io.opened).toBe(0);
  });

  it('is answered with its own algorithm, also when it fails', async () => {
    const world = new World();
    const client = world.client();
    expect((await client.allocate()).signed).toBe(true);
    const denied = await client.permit('127.0.0.1');
    expect([denied.code, denied.signed]).toEqual([403, true]);
    client.integrity = 'sha256';
    const answer = await client.refresh();
    expect([answer.code, answer.signed]).toEqual([0, true]);
    expect(answer.message.integrityAt).toBe(-1);
  });

  it('with attributes that must be understood and are not is 420 and names them', async () => {
    const client = new World().client();
    const answer = await client.allocate([
      [0x7777, Buffer.from('?')],
      [ATTRIBUTE.dontFragment, Buffer.alloc(0)],
    ]);
    expect([answer.code, answer.signed]).toEqual([420, true]);
    expect(Buffer.from(answer.message.attribute(ATTRIBUTE.unknownAttributes) ?? []).toString('hex')).toBe('7777001a');
  });
});

describe('nonces', () => {
  it('are good for an hour, then 438 with a new one', async () => {
    const world = new World();
    const client = world.client();
    await client.allocated();
    for (let minutes = 9; minutes < 60; minutes += 9) {
      await world.advance(9 * 60_000);
      expect((await client.refresh()).code).toBe(0);
    }
    await world.advance(6 * 60_000);
    const stale = await client.refresh();
    expect(stale.code).toBe(438);
    client.nonce = Uint8Array.from(stale.message.attribute(ATTRIBUTE.nonce) ?? []);
    expect((await client.refresh()).code).toBe(0);
    expect(world.core.counters.staleNonces).toBe(1);
  });

  it('of one worker are good at another that has the same key, and nowhere else', async () => {
    const [world, twin, stranger] = [new World(), new World(), new World({nonceKey: Buffer.alloc(32, 8)})];
    const client = world.client();
    await client.learnNonce();
    const {nonce} = client;
    for (const [other, code] of [
      [twin, 0],
      [stranger, 438],
    ] as const) {
      const moved = other.client();
      moved.nonce = nonce;
      expect((await moved.allocate()).code).toBe(code);
    }
  });

  it('of another address or port are 438', async () => {
    const world = new World();
    const [a, b, c] = [world.client(), world.client(), world.client({address: '203.0.113.10', port: 40_000})];
    await a.learnNonce();
    for (const other of [b, c]) {
      other.nonce = a.nonce;
      expect((await other.allocate()).code).toBe(438);
    }
    expect((await a.allocate()).code).toBe(0);
  });
});

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

describe('MESSAGE-INTEGRITY-SHA256 and PASSWORD-ALGORITHMS (RFC 8489 section 9.2)', () => {
  it('are offered on TCP and TLS, and on UDP only by option', async () => {
    for (const [transport, sha256OnUdp, offered] of [
      ['tcp', false, true],
      ['tls', false, true],
      ['udp', false, false],
      ['udp', true, true],
    ] as const) {
      const client = new World({sha256OnUdp}).client({transport});
      const answer = await client.learnNonce();
      expect(answer.message.has(ATTRIBUTE.passwordAlgorithms)).toBe(offered);
      expect(
        Buffer.from(client.nonce ?? [])
          .toString()
          .startsWith('obMatJos2AAAB'),
      ).toBe(offered);
    }
  });

  it('make keys and answers of SHA-256 when chosen', async () => {
    const client = new World().client({transport: 'tcp'});
    await chooseSha256(client);
    const answer = await client.allocate();
    expect([answer.code, answer.signed]).toEqual([0, true]);
    expect((await client.refresh()).signed).toBe(true);
  });

  it('are not needed: a client of RFC 5389 gets in with MD5 and SHA-1', async () => {
    const client = new World().client({transport: 'tls'});
    expect((await client.allocate()).code).toBe(0);
  });

  it('can not be bid down: a changed offer, half of the choice, or a choice without an offer are 400', async () => {
    const world = new World();
    const md5 = choice(PASSWORD_ALGORITHM.md5);
    const shortened: Attribute = [ATTRIBUTE.passwordAlgorithms, writePasswordAlgorithms(PASSWORD_ALGORITHM.md5)];
    for (const extra of [[shortened, md5], [md5], [offer], [offer, choice(7)]]) {
      const client = world.client({transport: 'tcp'});
      await client.learnNonce();
      client.extra = extra;
      expect((await client.allocate()).code).toBe(400);
    }
    const client = world.client({transport: 'udp'});
    await chooseSha256(client);
    expect((await client.allocate()).code).toBe(400);
  });

  it('can not be bid down by taking the cookie from the nonce', async () => {
    const client = new World().client({transport: 'tcp'});
    await client.learnNonce();
    client.nonce = client.nonce?.subarray(13);
    expect((await client.allocate()).code).toBe(438);
  });

  it('an integrity of each kind must both be right', async () => {
    const client = new World().client({transport: 'tcp'});
    await client.learnNonce();
    for (const [first, second, code] of [
      [client.key, client.key, 0],
      [client.key, Buffer.alloc(16), 401],
      [Buffer.alloc(16), client.key, 401],
    ] as const) {
      const builder = new MessageBuilder(METHOD.allocate, CLASS.request).add(...udp);
      builder.add(ATTRIBUTE.username, USER).add(ATTRIBUTE.realm, 't.example');
      builder.add(ATTRIBUTE.nonce, client.nonce ?? '');
      const answer = await client.ask(builder.integrity(first, 'sha1').integrity(second, 'sha256').build());
      expect(answer?.code).toBe(code);
      await client.refresh(0);
    }
  });
});

describe('an allocation', () => {
  it('belongs to its username: another with valid credentials is 441', async () => {
    const world = new World({
      users: new Map([
        [USER, 'a'],
        ['bob', 'b'],
      ]),
    });
    const client = world.client({password: 'a'});
    const socket = await client.allocated();
    [client.user, client.password] = ['bob', 'b'];
    for (const answer of [await client.refresh(0), await client.permit(PEER), await client.bind(0x4000, PEER, 9)]) {
      expect([answer.code, answer.signed]).toEqual([441, true]);
    }
    expect((await client.allocate()).code).toBe(437);
    expect(socket.closing).toBe(false);
  });
});

describe('the limit on answers to unauthenticated requests', () => {
  it('holds for each source over UDP, and not for connections', async () => {
    const world = new World({limits: {challengesPerSecond: 1, challengeBurst: 3}});
    const challenge = async (client: Client): Promise<boolean> =>
      (await client.ask(client.build(METHOD.allocate, [udp]))) !== undefined;
    const client = world.client();
    const answered = [];
    for (let index = 0; index < 5; index++) answered.push(await challenge(client));
    expect(answered).toEqual([true, true, true, false, false]);
    expect(await challenge(world.client({address: '203.0.113.77'}))).toBe(true);
    expect(await challenge(world.client({transport: 'tcp'}))).toBe(true);
    await world.advance(1000);
    expect(await challenge(client)).toBe(true);
    expect(world.core.counters.challengesLimited).toBe(2);
  });
});
