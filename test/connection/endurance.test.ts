import {randomBytes} from 'node:crypto';
import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, it} from 'vitest';

import {freePorts} from '../support/lab/free-ports.ts';
import {RawClient, UDP_TRANSPORT} from '../support/lab/raw-client.ts';
import {build, METHOD, TYPE, uint32, xorAddress} from '../support/lab/raw-stun.ts';
import {DEEP} from '../support/lab/requires.ts';
import {type TurnProcessOptions, TurnServer, UNLIMITED} from '../support/lab/turn-server.ts';

const CYCLES = DEEP ? 10_000 : 500;
/** Caches of sources and users fill up to their bounds first. */
const WARM_UP = DEEP ? 30_000 : 200;
const PACKETS = DEEP ? 1_000_000 : 20_000;
const DEEP_DEADLINE_MS = 900_000;

async function start(options: Partial<TurnProcessOptions> = {}): Promise<TurnServer> {
  const [port = 0] = await freePorts(1);
  const secret = 'a secret of the lab';
  return TurnServer.start({addresses: ['127.0.0.1'], port, secret, limits: UNLIMITED, ...options});
}

async function client(to: TurnServer, transport: 'udp' | 'tcp' = 'udp', from = '127.0.0.1'): Promise<RawClient> {
  const user = randomBytes(6).toString('hex');
  return RawClient.open({address: '127.0.0.1', port: to.options.port, transport, from}, to.credential(user));
}

describe.each(['dgram', 'batch'] as const)('the %s engine', (engine) => {
  it(
    `${CYCLES} rounds of Allocate, data and release: descriptors and memory as before`,
    {timeout: DEEP_DEADLINE_MS},
    async () => {
      await using server = await start({engine, allow: ['127.0.0.0/8']});
      const peer = createSocket('udp4').bind(0, '127.0.0.1');
      await once(peer, 'listening');
      let echoed = 0;
      peer.on('message', (bytes, {address, port}) => peer.send(bytes, port, address));
      const rounds = async (count: number, transport: 'udp' | 'tcp'): Promise<void> => {
        for (let i = 0; i < count; i += 1) {
          // Each from an address of its own: a source gets only so many challenges a second.
          using one = await client(server, transport, `127.9.${(i >> 7) & 255}.${1 + (i & 127)}`);
          await one.relay();
          await one.bind(0x4000, peer.address());
          one.sendTo(peer.address(), Buffer.from('ping'));
          if ((await one.channel(0x4000, 5_000))?.toString() === 'ping') echoed += 1;
          expect((await one.refresh(0))?.class).toBe('success');
        }
      };
      const three = async (count: number): Promise<unknown> =>
        Promise.all([rounds(count * 0.4, 'udp'), rounds(count * 0.4, 'udp'), rounds(count * 0.2, 'tcp')]);
      await three(WARM_UP);
      const before = {descriptors: server.descriptors, memory: server.memoryMiB};
      await three(CYCLES);
      peer.close();
      expect(echoed).toBe(WARM_UP + CYCLES);
      await expect.poll(() => server.descriptors).toBeLessThanOrEqual(before.descriptors + 5);
      // The heap breathes; what leaked 2 KiB a round would show in the deep run.
      expect(server.memoryMiB - before.memory).toBeLessThan(12);
      expect({errors: server.errors, held: await server.metric('quiver_turn_allocations')}).toEqual({
        errors: '',
        held: 0,
      });
    },
  );

  it(
    `${PACKETS} mutated packets and garbage: alive, and it serves as before`,
    {timeout: DEEP_DEADLINE_MS},
    async () => {
      await using server = await start({engine});
      using known = await client(server);
      const relayed = await known.relay();
      const id = randomBytes(12);
      const seeds = [
        known.signed(METHOD.allocate, [UDP_TRANSPORT, [TYPE.evenPort, Buffer.of(0x80)]]),
        known.signed(METHOD.refresh, [[TYPE.lifetime, uint32(600)]]),
        known.signed(METHOD.createPermission, [[TYPE.xorPeerAddress, xorAddress(relayed.address, relayed.port, id)]], {
          id,
        }),
        known.signed(METHOD.channelBind, [[TYPE.channelNumber, uint32(0x4001 << 16)]]),
        build({method: METHOD.binding, fingerprint: true}),
        randomBytes(1_400),
      ];
      const stream = await client(server, 'tcp');
      for (let i = 0; i < PACKETS; i += 1) {
        const bytes = Buffer.from(seeds[i % seeds.length]!);
        for (let flips = 1 + (i % 7); flips > 0; flips -= 1)
          bytes[Math.floor(Math.random() * bytes.length)]! ^= 1 << (i & 7);
        const cut = i % 4 === 0 ? bytes.subarray(0, Math.floor(Math.random() * bytes.length)) : bytes;
        known.send(cut);
        if (i % 500 === 0) stream.send(cut);
        // No faster than they are read: what the kernel drops proves nothing.
        if (i % 100 === 0) await sleep(2);
      }
      stream.close();
      using other = await client(server, 'udp', '127.0.0.99');
      expect((await other.allocate())?.class).toBe('success');
      expect({alive: server.alive, errors: server.errors}).toEqual({alive: true, errors: ''});
    },
  );
});

describe('slow and idle TCP', () => {
  it('slow-loris connections are closed, and others are served meanwhile', async () => {
    await using server = await start({streams: {firstMessageMs: 1_500, idleMs: 1_500, connectionsPerSource: 40}});
    const drip = build({method: METHOD.allocate, attributes: [UDP_TRANSPORT]});
    const slow = await Promise.all(Array.from({length: 60}, async () => client(server, 'tcp')));
    await sleep(200);
    // What is over the limit of one source is closed at once.
    expect(slow.filter((one) => one.closed).length).toBeGreaterThanOrEqual(20);
    for (let i = 0; i < 6; i += 1) {
      for (const one of slow) one.send(drip.subarray(i, i + 1));
      await sleep(300);
    }
    using good = await client(server, 'tcp', '127.0.0.88');
    expect((await good.allocate())?.class).toBe('success');
    await expect.poll(() => slow.every((one) => one.closed), {timeout: 6_000}).toBe(true);
    expect(good.closed).toBe(false);
  });

  it('a connection without an allocation is closed when it idles, one with an allocation is kept', async () => {
    await using server = await start({streams: {firstMessageMs: 1_000, idleMs: 1_000}});
    using idle = await client(server, 'tcp');
    using holder = await client(server, 'tcp');
    expect((await idle.ask(METHOD.binding))?.class).toBe('success');
    expect((await holder.allocate())?.class).toBe('success');
    await expect.poll(() => idle.closed, {timeout: 6_000}).toBe(true);
    await sleep(500);
    expect(holder.closed).toBe(false);
    expect((await holder.refresh(600))?.class).toBe('success');
  });
});

describe('kill -9 of the server', () => {
  it('it can be started again on its ports at once, and old clients are told to begin again', async () => {
    const first = await start();
    using udp = await client(first);
    using tcp = await client(first, 'tcp');
    await udp.relay();
    await tcp.relay();
    await first.kill();
    await using again = await TurnServer.start(first.options);
    await expect.poll(() => tcp.closed).toBe(true);
    expect((await udp.refresh(600))?.code).toBe(437);
    expect((await udp.allocate())?.class).toBe('success');
    expect(again.alive).toBe(true);
  });
});
