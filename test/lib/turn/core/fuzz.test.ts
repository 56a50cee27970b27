import {randomInt} from 'node:crypto';

import {describe, expect, it} from 'vitest';

import {newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, METHOD} from '../../../../src/lib/stun/types.ts';
import {additional, channelData, endpoint, family, lifetime, PEER, PEER6, peer, settle, udp, World} from './harness.ts';
import type {Attribute, Client} from './harness.ts';

const PACKETS = process.env['QUIVER_DEEP'] === '1' ? 1_000_000 : 20_000;
const SEED = Number(process.env['QUIVER_FUZZ_SEED'] ?? randomInt(2 ** 31));
const methods = Object.values(METHOD);
const types = Object.values(ATTRIBUTE);

/** Mulberry32: the same packets again for the same seed. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(most: number): Buffer {
    return Buffer.from(Array.from({length: this.below(most + 1)}, () => this.below(256)));
  }
}

/** One of every kind of packet that a client sends. */
function honest(client: Client): Buffer[] {
  const id = newTransactionId();
  const build = (method: number, ...attributes: Attribute[]): Buffer => client.build(method, attributes, id);
  return [
    build(METHOD.allocate, udp),
    build(METHOD.allocate, udp, additional, lifetime(60)),
    build(METHOD.allocate, udp, [ATTRIBUTE.evenPort, Buffer.from([0x80])]),
    build(METHOD.allocate, udp, [ATTRIBUTE.reservationToken, Buffer.alloc(8)]),
    build(METHOD.refresh, lifetime(600), family(4)),
    build(METHOD.createPermission, peer(PEER, 1, id), peer(PEER6, 2, id)),
    build(METHOD.channelBind, [ATTRIBUTE.channelNumber, Buffer.from([0x40, 0, 0, 0])], peer(PEER, 1, id)),
    build(METHOD.binding),
    build(METHOD.send, peer(PEER, 9, id), [ATTRIBUTE.data, Buffer.from('data')]),
    channelData(0x4000, Buffer.from('channel data')),
  ];
}

function mutate(dice: Dice, packet: Buffer): Buffer {
  let bytes = Buffer.from(packet);
  for (let rounds = 1 + dice.below(3); rounds > 0; rounds--) {
    const at = dice.below(Math.max(1, bytes.length));
    switch (dice.below(6)) {
      case 0:
        if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << dice.below(8));
        break;
      case 1:
        if (bytes.length > 0) bytes[at] = dice.pick([0, 1, 0x40, 0x7f, 0x80, 0xff]);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), dice.bytes(24), bytes.subarray(at)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + dice.below(24)))]);
        break;
      default:
        // A message whose length is right is read further than most.
        bytes = bytes.subarray(0, bytes.length - (bytes.length % 4));
        if (bytes.length >= 20) bytes.writeUInt16BE(bytes.length - 20, 2);
    }
  }
  return bytes;
}

/** A request with attributes of any kind, signed as it should be. */
function nonsense(dice: Dice, client: Client): Buffer {
  const id = newTransactionId();
  const attributes = Array.from({length: dice.below(6)}, (): Attribute => {
    switch (dice.below(5)) {
      case 0:
        return peer(dice.pick([PEER, '9.9.9.9', '127.0.0.1', PEER6]), dice.below(65_536), id);
      case 1:
        return lifetime(dice.below(2) * dice.below(2 ** 31));
      case 2:
        return [ATTRIBUTE.channelNumber, Buffer.from([0x40, dice.below(256), 0, 0])];
      default:
        return [dice.below(4) === 0 ? dice.below(65_536) : dice.pick(types), dice.bytes(24)];
    }
  });
  return client.build(dice.pick(methods), dice.below(2) === 0 ? attributes : [udp, ...attributes], id);
}

const unlimited = {challengesPerSecond: 1e9, challengeBurst: 1e9, bindingsPerSecond: 1e9, bindingBurst: 1e9};

describe(`mutated packets (QUIVER_FUZZ_SEED=${SEED})`, () => {
  it('of strangers never throw, leave no state and get at most 2.3 times their bytes', async () => {
    const dice = new Dice(SEED);
    const world = new World({limits: unlimited});
    const clients = [world.client(), world.client({address: '2001:db8::9'})];
    const [knowing] = clients;
    await knowing!.learnNonce();
    // What a stranger can have seen of somebody else: a signed request, but not the key.
    knowing!.password = 'wrong';
    const packets = clients.flatMap((client) => honest(client));
    for (let index = 0; index < PACKETS; index++) {
      const {path} = dice.pick(clients);
      const packet = mutate(dice, dice.pick(packets));
      path.sent = [];
      world.core.fromClient(path, packet, world.nowMs);
      const answered = path.sent.reduce((sum, {length}) => sum + length, 0);
      if (answered > 2.3 * packet.length) throw new Error(`${packet.toString('hex')} got ${answered} bytes`);
      if (index % 1000 === 0) await world.advance(1000);
    }
    await settle();
    expect(world.core.stats()).toEqual({allocations: 0, opening: 0, reservations: 0, closing: 0});
    expect([world.io.opened, world.admission.remembered]).toEqual([0, 0]);
    expect(clients.some(({path}) => path.held)).toBe(false);
  });

  it('of users never throw and stay within every bound', async () => {
    const dice = new Dice(SEED + 1);
    const world = new World({
      limits: {...unlimited, permissionsPerAllocation: 4, channelsPerAllocation: 2, reservations: 2},
      admissionLimits: {maxAllocations: 4, maxPerUser: 4, perUserPerMinute: 1e9},
    });
    const clients = [world.client(), world.client({transport: 'tcp'}), world.client()];
    for (const client of clients) await client.learnNonce();
    let answered = 0;
    for (let index = 0; index < PACKETS; index++) {
      const client = dice.pick(clients);
      if (dice.below(3) === 0) world.core.fromClient(client.path, mutate(dice, dice.pick(honest(client))), world.nowMs);
      else world.core.fromClient(client.path, nonsense(dice, client), world.nowMs);
      answered += client.path.sent.length;
      for (const each of clients) each.path.sent = [];
      for (const socket of world.io.open.values()) {
        if (dice.below(10) === 0)
          world.core.fromPeer(socket, endpoint(PEER, dice.below(10)), dice.bytes(40), world.nowMs);
        socket.sent = [];
      }
      if (index % 10 === 0) await settle();
      if (index % 500 === 0) {
        await world.advance(dice.pick([1, 1000, 31_000]));
        for (const each of clients) await each.learnNonce();
        const {allocations, reservations} = world.core.stats();
        expect(world.io.open.size).toBeLessThanOrEqual(2 * world.admission.held);
        expect([allocations <= 3, reservations <= 2, world.admission.held <= 4]).toEqual([true, true, true]);
      }
    }
    expect(answered).toBeGreaterThan(PACKETS / 4);
    await world.core.close();
    expect([world.io.open.size, world.admission.held]).toEqual([0, 0]);
  });
});
