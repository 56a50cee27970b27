import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';

import {expect, it} from 'vitest';

import {newTransactionId, MessageBuilder} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {channelData, endpoint, PEER, peer, World} from './harness.ts';

const PACKETS = 200_000;
const ROUNDS = 5;
const DATA = Buffer.alloc(160, 1);

/** CPU µs for one call, the best of some rounds: others use the machine too. */
function microseconds(call: () => void): number {
  const rounds = Array.from({length: ROUNDS}, () => {
    const before = process.cpuUsage();
    for (let index = 0; index < PACKETS; index++) call();
    const {user, system} = process.cpuUsage(before);
    return (user + system) / PACKETS;
  });
  return Math.min(...rounds);
}

it('relays ChannelData in 0.4 µs and indications in 0.8 µs of the core at most', async () => {
  const world = new World();
  const client = world.client();
  const socket = await client.allocated();
  await client.bind(0x4000, PEER, 9);
  let sent = 0;
  client.path.send = () => void sent++;
  socket.send = () => void sent++;
  const id = newTransactionId();
  const indication = new MessageBuilder(METHOD.send, CLASS.indication, id)
    .add(...peer(PEER, 8, id))
    .add(ATTRIBUTE.data, DATA)
    .build();
  const message = channelData(0x4000, DATA);
  const [bound, unbound] = [endpoint(PEER, 9), endpoint(PEER, 8)];
  const {core, nowMs} = world;
  expect(microseconds(() => core.fromClient(client.path, message, nowMs))).toBeLessThan(0.4);
  expect(microseconds(() => core.fromPeer(socket, bound, DATA, nowMs))).toBeLessThan(0.4);
  expect(microseconds(() => core.fromClient(client.path, indication, nowMs))).toBeLessThan(0.8);
  expect(microseconds(() => core.fromPeer(socket, unbound, DATA, nowMs))).toBeLessThan(0.8);
  expect(sent).toBe(4 * ROUNDS * PACKETS);
});

it('keeps at most 4 KiB for an allocation with two permissions and a channel', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    collect();
    const {heapUsed, external} = process.memoryUsage();
    return heapUsed + external;
  };
  const allocations = 1000;
  const name = 'did:peers:'.padEnd(100, 'x');
  const world = new World({
    users: new Map([[name, 'pw']]),
    admissionLimits: {maxPerUser: allocations, perUserPerMinute: 10 * allocations},
    limits: {challengesPerSecond: 1e9, challengeBurst: 1e9},
  });
  world.io.ports = allocations;
  for (let index = 0; index < allocations; index++) {
    const client = world.client({user: name, password: 'pw'});
    await client.allocated();
    await client.permit(PEER, '9.9.9.9');
    await client.bind(0x4000, PEER, 9);
    client.path.sent = [];
  }
  const full = used();
  for (const {path} of world.clients) world.core.pathClosed(path);
  await world.advance(0);
  // The fake sockets go too: they count here, and are small beside real ones.
  expect((full - used()) / allocations / 1024).toBeLessThan(4);
  expect(world.core.stats().allocations).toBe(0);
});
