import {createSocket} from 'node:dgram';
import {once} from 'node:events';

import * as fc from 'fast-check';
import {afterEach, describe, expect, it} from 'vitest';

import type {RelaySocket} from '../../../../src/lib/turn/core/io.ts';
import {monotonicMs} from '../../../../src/lib/turn/io/clock.ts';
import {DgramEngine} from '../../../../src/lib/turn/io/dgram/engine.ts';
import {endpointOf, EndpointCache} from '../../../../src/lib/turn/io/endpoint-cache.ts';
import type {UdpEngine} from '../../../../src/lib/turn/io/engine.ts';
import {RelayPorts} from '../../../../src/lib/turn/io/relay-ports.ts';
import type {RelayAddress} from '../../../../src/lib/turn/io/relay-ports.ts';
import {openSockets} from '../../../support/open-sockets.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

function ports(range: [number, number], addresses: RelayAddress[] = [{address: '127.0.0.1'}]): RelayPorts {
  const nothing = (): void => undefined;
  const engine = new DgramEngine({
    events: {fromClient: nothing, fromPeer: nothing, heldChanged: nothing},
    endpoints: new EndpointCache(),
    now: monotonicMs,
    buffers: {listenerBytes: 0, relayBytes: 0},
    log: nothing,
  });
  closers.push(() => engine.close());
  return new RelayPorts({engine, addresses, ports: range});
}

const plain = {family: 4, even: false, pair: false} as const;

describe('RelayPorts', () => {
  it('gives every port of its range once, then none, then those that were closed', async () => {
    const relays = ports([28_001, 28_010]);
    const sockets: RelaySocket[] = [];
    for (let index = 0; index < 10; index += 1) sockets.push((await relays.open(plain))[0]);
    expect(sockets.map(({relayed}) => relayed.port).toSorted((a, b) => a - b)).toEqual(
      Array.from({length: 10}, (_, index) => 28_001 + index),
    );
    await expect(relays.open(plain)).rejects.toMatchObject({code: 508});
    await sockets[3]!.close();
    expect((await relays.open(plain))[0].relayed.port).toBe(sockets[3]!.relayed.port);
  });

  it('gives even ports, and pairs of which the first is even', async () => {
    const relays = ports([28_021, 28_028]);
    const pairs = [
      await relays.open({family: 4, even: true, pair: true}),
      await relays.open({family: 4, even: true, pair: true}),
      await relays.open({family: 4, even: true, pair: true}),
    ];
    for (const [first, second] of pairs) {
      expect(first.relayed.port % 2).toBe(0);
      expect(second?.relayed.port).toBe(first.relayed.port + 1);
    }
    // Left are the ends: 28021 is odd, 28028 has no neighbour in the range.
    await expect(relays.open({family: 4, even: true, pair: true})).rejects.toMatchObject({code: 508});
    expect((await relays.open({family: 4, even: true, pair: false}))[0].relayed.port).toBe(28_028);
    await expect(relays.open({family: 4, even: true, pair: false})).rejects.toMatchObject({code: 508});
    expect((await relays.open(plain))[0].relayed.port).toBe(28_021);
  });

  it('closes the first of a pair where the system has no second (coturn 4adbd82e)', async () => {
    const none = Object.assign(new Error('too many open files'), {code: 'EMFILE'});
    const open = new Set<number>();
    const engine: Pick<UdpEngine, 'bindRelay'> = {
      bindRelay: async ({address, port}) => {
        if (open.size === 1) throw none;
        open.add(port);
        const close = async (): Promise<void> => void open.delete(port);
        return {relayed: endpointOf(address, port), owner: undefined, send: () => undefined, close};
      },
    };
    const relays = new RelayPorts({
      engine: engine as UdpEngine,
      addresses: [{address: '127.0.0.1'}],
      ports: [28_061, 28_070],
    });
    await expect(relays.open({family: 4, even: true, pair: true})).rejects.toMatchObject({code: 508});
    expect(open.size).toBe(0);
  });

  it('keeps no socket and no port, whatever is opened and closed in whatever order', async () => {
    const relays = ports([28_041, 28_052]);
    const before = openSockets().length;
    const step = fc.record({even: fc.boolean(), pair: fc.boolean(), close: fc.nat(5)});
    await fc.assert(
      fc.asyncProperty(fc.array(step, {maxLength: 20}), async (steps) => {
        const open: RelaySocket[] = [];
        for (const {even, pair, close} of steps) {
          const opened = await relays.open({family: 4, even, pair: even && pair}).catch(() => []);
          open.push(...opened);
          await open.splice(close, 1)[0]?.close();
          expect(new Set(open.map(({relayed}) => relayed.port)).size).toBe(open.length);
        }
        expect(openSockets().length).toBe(before + open.length);
        await Promise.all(open.map((socket) => socket.close()));
        expect(openSockets().length).toBe(before);
      }),
      {numRuns: 10},
    );
  });

  it('passes over a port that another program has', async () => {
    const other = createSocket('udp4').bind(28_061, '127.0.0.1');
    await once(other, 'listening');
    closers.push(() => other.close());
    const relays = ports([28_060, 28_062]);
    const given = [(await relays.open(plain))[0], (await relays.open(plain))[0]].map(({relayed}) => relayed.port);
    expect(given.toSorted((a, b) => a - b)).toEqual([28_060, 28_062]);
  });

  it('offers the families it has addresses for, and tells the announced one', async () => {
    const relays = ports([28_070, 28_079], [{address: '127.0.0.1', announced: '203.0.113.7'}]);
    expect((await relays.open(plain))[0].relayed).toMatchObject({family: 4, address: '203.0.113.7'});
    await expect(relays.open({family: 6, even: false, pair: false})).rejects.toMatchObject({code: 440});
  });

  it('does not give ports in an order that can be guessed', async () => {
    const relays = ports([40_000, 49_000]);
    const given: number[] = [];
    for (let index = 0; index < 50; index += 1) given.push((await relays.open(plain))[0].relayed.port);
    const steps = given.slice(1).map((port, index) => port - given[index]!);
    expect(new Set(steps).size).toBeGreaterThan(40);
    expect(Math.max(...given) - Math.min(...given)).toBeGreaterThan(4_000);
  });
});
