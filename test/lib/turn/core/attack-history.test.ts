import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {MessageBuilder, newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {padded} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {writeChannelNumber, writeEvenPort} from '../../../support/stun-attributes.ts';
import {additional, lifetime, lifetimeOf, PEER, peer, REALM, settle, udp, World} from './harness.ts';
import type {Attribute, Client, WorldOptions} from './harness.ts';
import {RELAY4} from './fakes.ts';
import type {FakeSocket} from './fakes.ts';

// What went wrong in TURN servers before, each as a test of ours. Names and numbers are those of the reports.

async function start(
  options: WorldOptions = {},
): Promise<{world: World; client: Client; four: FakeSocket; six: FakeSocket}> {
  const world = new World(options);
  const client = world.client();
  await client.allocated([additional]);
  const [four, six] = world.io.open.values();
  return {world, client, four: four!, six: six!};
}

/** That no door leads to an address: neither of the requests, nor data in either direction. */
async function expectNoWay(address: string): Promise<void> {
  const {world, client, four, six} = await start();
  expect((await client.permit(address)).code, address).toBe(403);
  expect((await client.bind(0x4000, address, 80)).code, address).toBe(403);
  expect((await client.permit(PEER, address)).code, address).toBe(403);
  client.sendIndication(address, 80, Buffer.from('GET /'));
  client.channelData(0x4000, Buffer.from('GET /'));
  expect([four.sent, six.sent], address).toEqual([[], []]);
  for (const socket of [four, six]) {
    expect(client.fromPeer(socket, address, 80, Buffer.from('secret')), address).toBeUndefined();
  }
  expect(world.core.counters.peersForbidden).toBe(3);
}

/** Appends attributes behind the integrity, as a man in the middle can. */
function smuggle(message: Buffer, attributes: readonly Attribute[]): Buffer {
  const parts = attributes.map(([type, value]) => {
    const bytes = Buffer.alloc(4 + padded(value.length));
    bytes.writeUInt16BE(type);
    bytes.writeUInt16BE(value.length, 2);
    bytes.set(value, 4);
    return bytes;
  });
  const all = Buffer.concat([message, ...parts]);
  all.writeUInt16BE(all.length - 20, 2);
  return all;
}

describe('peers that are not peers', () => {
  it('CVE-2020-26262: 0.0.0.0, ::1 and :: do not reach loopback', async () => {
    for (const address of ['0.0.0.0', '127.0.0.1', '127.1.2.3', '::1', '::']) await expectNoWay(address);
  });

  it('CVE-2026-27624: an IPv4-mapped, compatible, NAT64, 6to4 or Teredo address does not pass the rules', async () => {
    for (const address of [
      '::ffff:127.0.0.1',
      '::7f00:1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::a00:1',
      '2002:7f00:1::',
      '2001::80ff:fffe',
      '::ffff:169.254.169.254',
    ]) {
      await expectNoWay(address);
    }
  });

  it('TURN as a way into the network behind it: metadata service, private, link-local, ULA, multicast', async () => {
    for (const address of [
      '169.254.169.254',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.1.1',
      '100.64.0.1',
      'fe80::1',
      'fd00:ec2::254',
      '224.0.0.251',
      'ff02::fb',
      '255.255.255.255',
    ]) {
      await expectNoWay(address);
    }
  });

  it('coturn 6c13608c: an IPv6 range is compared as one number', async () => {
    const first = (0x2600n << 112n) | 0x00ff_0000_0000_ff00n;
    const world = new World({
      peers: {allow: [], deny: ['2600::ff:0:0:ff00/121'], ownRelays: [], relayPorts: [1, 2]},
      lifetimeMs: 3_600_000,
    });
    const client = world.client();
    await client.allocated([additional]);
    await fc.assert(
      fc.asyncProperty(fc.bigInt({min: -0x1ffn, max: 0x1ffn}), async (offset) => {
        const text = (first + offset).toString(16).padStart(32, '0').match(/.{4}/g)!.join(':');
        const denied = offset >= 0n && offset < 128n;
        expect((await client.bind(0x4000, text, 0)).code).toBe(403);
        expect((await client.permit(text)).code).toBe(denied ? 403 : 0);
        await world.advance(300_000);
        await client.learnNonce();
        await client.refresh();
      }),
      {numRuns: 60},
    );
  });

  it('coturn #584: clients of one server reach one another', async () => {
    const {world, client, four} = await start();
    const other = world.client();
    const there = await other.allocated();
    expect((await client.permit(RELAY4)).code).toBe(0);
    client.sendIndication(RELAY4, there.relayed.port, Buffer.from('hi'));
    expect(four.sent).toHaveLength(1);
    expect(other.fromPeer(there, RELAY4, four.relayed.port, Buffer.from('hi'))).toBeUndefined();
    await other.permit(RELAY4);
    expect(other.fromPeer(there, RELAY4, four.relayed.port, Buffer.from('hi'))).toBeDefined();
  });
});

describe('attributes behind MESSAGE-INTEGRITY (coturn ab762f33, node-turn, turn-server)', () => {
  it('give no permission', async () => {
    const {client, four} = await start();
    const id = newTransactionId();
    const signed = client.build(METHOD.createPermission, [peer(PEER, 1, id)], id);
    expect((await client.ask(smuggle(signed, [peer('9.9.9.9', 1, id)])))?.code).toBe(0);
    expect(client.fromPeer(four, '9.9.9.9', 9, Buffer.from('x'))).toBeUndefined();
    expect(client.fromPeer(four, PEER, 9, Buffer.from('x'))).toBeDefined();
    const empty = client.build(METHOD.createPermission, [], id);
    expect((await client.ask(smuggle(empty, [peer('9.9.9.9', 1, id)])))?.code).toBe(400);
  });

  it('bind no channel, end no allocation and reserve no port', async () => {
    const {world, client} = await start();
    const id = newTransactionId();
    const bind = client.build(METHOD.channelBind, [peer(PEER, 1, id)], id);
    expect((await client.ask(smuggle(bind, [[ATTRIBUTE.channelNumber, writeChannelNumber(0x4000)]])))?.code).toBe(400);
    const refresh = await client.ask(smuggle(client.build(METHOD.refresh, []), [lifetime(0)]));
    expect(lifetimeOf(refresh!)).toBe(600);
    const other = world.client();
    await other.learnNonce();
    const allocate = await other.ask(
      smuggle(other.build(METHOD.allocate, [udp]), [[ATTRIBUTE.evenPort, writeEvenPort(true)]]),
    );
    expect([allocate?.code, world.core.stats().reservations]).toEqual([0, 0]);
  });

  it('are no credentials: a username there is no username', async () => {
    const client = new World().client();
    await client.learnNonce();
    const builder = new MessageBuilder(METHOD.allocate, CLASS.request).add(...udp).integrity(client.key, 'sha1');
    const attributes: Attribute[] = [
      [ATTRIBUTE.username, Buffer.from(client.user)],
      [ATTRIBUTE.realm, Buffer.from(REALM)],
      [ATTRIBUTE.nonce, client.nonce!],
    ];
    expect((await client.ask(smuggle(Buffer.from(builder.build()), attributes)))?.code).toBe(400);
  });
});

describe('logging in', () => {
  it('names that every object has are no users, with static users and with a secret (node-turn, turn-server)', async () => {
    for (const secrets of [[], ['s']]) {
      for (const name of [
        'constructor',
        'toString',
        'hasOwnProperty',
        '__proto__',
        '1:constructor',
        '99999999999:__proto__',
      ]) {
        for (const password of ['function Object() { [native code] }', '[object Object]', 'undefined', '']) {
          const world = new World({secrets});
          expect((await world.client({user: name, password}).allocate()).code).toBe(401);
          expect(world.io.opened).toBe(0);
        }
      }
    }
  });

  it('CVE-2025-69217: nonces and tokens can not be foretold from others', async () => {
    const world = new World({nonceKey: Buffer.alloc(32, 1)});
    const nonces = new Set<string>();
    for (let port = 1; port <= 200; port++) {
      const client = world.client({address: `203.0.${port}.1`, port});
      await client.learnNonce();
      // Time is in front; what follows is the HMAC.
      nonces.add(Buffer.from(client.nonce!).toString().slice(4, 10));
    }
    expect(nonces.size).toBe(200);
  });

  it('a nonce of one port is of no use at another (node-turn)', async () => {
    const world = new World();
    const [a, b] = [world.client({port: 1}), world.client({port: 2})];
    await a.learnNonce();
    b.nonce = a.nonce;
    expect((await b.allocate()).code).toBe(438);
  });

  it('a MAC of another length or cut short is no MAC', async () => {
    const {client} = await start();
    const request = client.build(METHOD.refresh, []);
    for (let length = 0; length < 20; length += 4) {
      const cut = Buffer.from(request.subarray(0, request.length - 20 + length));
      cut.writeUInt16BE(cut.length - 20, 2);
      cut.writeUInt16BE(length, cut.length - length - 2);
      expect(await client.ask(cut)).toBeUndefined();
    }
  });
});

describe('memory and answers before anybody has logged in', () => {
  it('coturn #780 and #1641, node-turn: spoofed Allocates leave no state', async () => {
    const world = new World({limits: {challengesPerSecond: 1e9, challengeBurst: 1e9}});
    const client = world.client();
    const request = client.build(METHOD.allocate, [udp]);
    for (let index = 0; index < 20_000; index++) {
      client.path.sent = [];
      world.core.fromClient(client.path, request, world.nowMs);
    }
    await settle();
    expect(world.core.stats()).toEqual({allocations: 0, opening: 0, reservations: 0, closing: 0});
    expect([world.io.opened, world.admission.remembered, client.path.held]).toEqual([0, 0, false]);
  });

  it('rtcbits.com turnreflectionattacks, coturn #1829: 401 is at most 2.3 times the smallest Allocate', async () => {
    const client = new World().client();
    const request = client.build(METHOD.allocate, [udp]);
    const answer = await client.ask(request);
    expect([request.length, answer?.bytes.length]).toEqual([28, 64]);
    expect(answer!.bytes.length / request.length).toBeLessThanOrEqual(2.3);
    for (const method of [METHOD.allocate, METHOD.refresh, METHOD.createPermission, METHOD.channelBind]) {
      client.nonce = undefined;
      expect((await client.ask(client.build(method, [])))?.bytes).toHaveLength(28);
    }
  });

  it('what else is said to strangers is not larger than what they said', async () => {
    const client = new World().client();
    await client.learnNonce();
    const badNonce = client.build(METHOD.allocate, [udp]);
    client.world.wallMs += 7_200_000;
    expect((await client.ask(badNonce))?.code).toBe(438);
    expect((await client.ask(badNonce))!.bytes.length).toBeLessThan(badNonce.length);
    for (const method of [0x00a, 0x00b, 0x00c, 0xfff, METHOD.send, METHOD.data]) {
      expect(await client.ask(client.build(method, []))).toBeUndefined();
    }
    for (const messageClass of [CLASS.success, CLASS.error, CLASS.indication]) {
      expect(await client.ask(new MessageBuilder(METHOD.allocate, messageClass).build())).toBeUndefined();
    }
  });

  it('CVE-2020-4067: no byte of an answer or of padding is what was in memory before', async () => {
    const {client, four} = await start();
    for (let index = 0; index < 100; index++) Buffer.allocUnsafe(256).fill(0xee);
    await client.permit(PEER);
    const answers = [
      (await client.refresh()).bytes,
      (await client.permit('10.0.0.1')).bytes,
      client.fromPeer(four, PEER, 9, Buffer.alloc(1, 1))!,
      (await client.learnNonce()).bytes,
    ];
    for (const bytes of answers) {
      for (let at = 20; at < bytes.length;) {
        const length = bytes.readUInt16BE(at + 2);
        const padding = bytes.subarray(at + 4 + length, at + 4 + padded(length));
        expect(padding.every((byte) => byte === 0)).toBe(true);
        at += 4 + padded(length);
      }
    }
  });

  it('CVE-2026-43994, CVE-2026-40613: lengths that lie are dropped', async () => {
    const {world, client} = await start();
    const honest = client.build(METHOD.refresh, [lifetime(600)]);
    let answered = 0;
    for (let at = 2; at < honest.length - 1; at += 1) {
      for (const value of [0xffff, 0xfffc, 0x8000, 0x7fff]) {
        const lie = Buffer.from(honest);
        lie.writeUInt16BE(value, at);
        if ((await client.ask(lie))?.code === 0) answered += 1;
      }
    }
    expect([answered, world.core.stats().allocations]).toEqual([0, 1]);
  });
});
