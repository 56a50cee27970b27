import {createSocket, type Socket} from 'node:dgram';
import {once} from 'node:events';

import {afterEach, describe, expect, it} from 'vitest';

import type {RelaySocket} from '../../../../../src/lib/turn/core/io.ts';
import {createEngine} from '../../../../../src/lib/turn/io/create-engine.ts';
import {EndpointCache} from '../../../../../src/lib/turn/io/endpoint-cache.ts';
import type {EngineEvents, UdpEngine, UdpPath} from '../../../../../src/lib/turn/io/engine.ts';

const BUFFERS = {listenerBytes: 4 * 1_024 * 1_024, relayBytes: 4 * 1_024 * 1_024};

const cleanUp: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

async function engineWith(name: 'dgram' | 'batch', events: Partial<EngineEvents> = {}): Promise<UdpEngine> {
  const engine = await createEngine(name, {
    events: {fromClient: () => {}, fromPeer: () => {}, heldChanged: () => {}, ...events},
    endpoints: new EndpointCache(),
    now: () => performance.now(),
    buffers: BUFFERS,
    log: (_level, message) => expect.fail(message),
  });
  cleanUp.push(() => engine.close());
  return engine;
}

async function peerAt(address: string): Promise<{socket: Socket; port: number; got: Buffer[]}> {
  const socket = createSocket({type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: BUFFERS.relayBytes});
  const got: Buffer[] = [];
  socket.on('message', (bytes) => got.push(bytes));
  socket.bind(0, address);
  await once(socket, 'listening');
  cleanUp.push(() => void socket.close());
  return {socket, port: socket.address().port, got};
}

async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, {timeout: 3_000, interval: 5}).toBe(true);
}

const numbered = (i: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length, i & 0xff);
  if (length >= 4) bytes.writeUInt32BE(i);
  return bytes;
};

describe.each(['dgram', 'batch'] as const)('the %s engine', (name) => {
  it.each(['127.0.0.1', '::1'])('carries datagrams of every size to and from %s', async (address) => {
    const family = address === '::1' ? 6 : 4;
    const lengths: number[] = [];
    const engine = await engineWith(name, {
      fromClient: (path, bytes) => {
        lengths.push(bytes.length);
        path.send(bytes.subarray(0, 1), bytes.subarray(1));
      },
    });
    const listener = await engine.listen({family, address, port: 0, reusePort: false});
    const client = await peerAt(address);
    const sizes = [0, 1, 2, 4, 20, 160, 1_472, 1_473, 9_000, ...Array.from({length: 5}, () => 65_507)];
    for (const [i, size] of sizes.entries()) {
      client.socket.send(numbered(i, size), listener.local.port, address);
      await until(() => client.got.length === i + 1);
    }
    expect(lengths).toEqual(sizes);
    expect(client.got.map((bytes, i) => bytes.equals(numbered(i, sizes[i]!)))).toEqual(sizes.map(() => true));
  });

  it('gives one path for one remote for as long as it is held, whoever else comes by', async () => {
    const paths: UdpPath[] = [];
    const changes: boolean[] = [];
    const engine = await engineWith(name, {
      fromClient: (path) => paths.push(path),
      heldChanged: (path) => changes.push(path.held),
    });
    const {local} = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
    const client = await peerAt('127.0.0.1');
    const say = async (): Promise<UdpPath> => {
      const before = paths.length;
      client.socket.send('x', local.port, '127.0.0.1');
      await until(() => paths.length > before);
      return paths.at(-1)!;
    };
    const first = await say();
    first.hold(true);
    first.hold(true);
    for (let i = 0; i < 300; i += 1) {
      const stranger = await peerAt(`127.7.${i >> 8}.${i & 255 || 1}`);
      stranger.socket.send('x', local.port, '127.0.0.1');
    }
    await until(() => new Set(paths).size >= 300);
    expect(await say()).toBe(first);
    expect(first.remote).toMatchObject({family: 4, address: '127.0.0.1', port: client.port});
    expect(first.local).toBe(local);
    first.hold(false);
    expect(changes).toEqual([true, false]);
  });

  it('answers a remote that it is told of, from outside of its own callbacks', async () => {
    const engine = await engineWith(name);
    const listener = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
    const client = await peerAt('127.0.0.1');
    const path = listener.path(new EndpointCache().fromText('127.0.0.1', client.port));
    const header = Buffer.from('one ');
    path.send(header, Buffer.from('two'));
    header.fill(0); // the bytes are the caller's again
    await until(() => client.got.length === 1);
    expect(client.got[0]!.toString()).toBe('one two');
  });

  it('relays a run of datagrams in order and unharmed, equal and unequal ones', async () => {
    const header = Buffer.alloc(4);
    let path: UdpPath | undefined;
    const engine = await engineWith(name, {
      fromClient: (from, bytes) => {
        path = from;
        const to = new EndpointCache().fromText('127.0.0.1', peer.port);
        relay.send(to, bytes.subarray(4));
      },
      fromPeer: (_socket, _peer, bytes) => {
        header.writeUInt16BE(0x4000);
        header.writeUInt16BE(bytes.length, 2);
        path?.send(header, bytes);
        header.fill(0xff);
      },
    });
    const {local} = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
    const relay: RelaySocket = await engine.bindRelay({family: 4, address: '127.0.0.1', port: 0});
    const [client, peer] = [await peerAt('127.0.0.1'), await peerAt('127.0.0.1')];
    // Runs of equal ones, a shorter last one, single ones, empty ones, one that is cut into fragments.
    const sizes = Array.from({length: 400}, (_, i) => [1_000, 1_000, 1_000, 996, 160, 0, 3_000][(i >> 4) % 7]!);
    sizes.fill(1_000, 100, 200);
    for (const [i, size] of sizes.entries()) {
      client.socket.send([Buffer.alloc(4, 0x40), numbered(i, size)], local.port, '127.0.0.1');
      if (i % 50 === 49) await until(() => peer.got.length === i + 1);
    }
    await until(() => peer.got.length === sizes.length);
    for (const [i, size] of sizes.entries()) {
      peer.socket.send(numbered(i, size), relay.relayed.port, '127.0.0.1');
      if (i % 50 === 49) await until(() => client.got.length === i + 1);
    }
    await until(() => client.got.length === sizes.length);
    const right = sizes.map((size, i) => numbered(i, size));
    expect(peer.got.findIndex((bytes, i) => !bytes.equals(right[i]!))).toBe(-1);
    expect(client.got.findIndex((bytes, i) => !bytes.subarray(4).equals(right[i]!))).toBe(-1);
    expect(client.got.every((bytes) => bytes.readUInt16BE(2) === bytes.length - 4)).toBe(true);
    expect(engine.counters).toEqual({sendErrors: 0, sendDropped: 0, receiveErrors: 0});
  });

  it('counts what the kernel refuses, and sends the rest', async () => {
    const engine = await engineWith(name);
    const relay = await engine.bindRelay({family: 4, address: '127.0.0.1', port: 0});
    const peer = await peerAt('127.0.0.1');
    const endpoints = new EndpointCache();
    const good = endpoints.fromText('127.0.0.1', peer.port);
    relay.send(good, Buffer.from('a'));
    relay.send(endpoints.fromText('255.255.255.255', 9), Buffer.from('not without SO_BROADCAST'));
    relay.send(endpoints.fromText('127.0.0.1', 0), Buffer.from('no port'));
    relay.send(good, Buffer.from('b'));
    await until(() => peer.got.length === 2);
    expect(Buffer.concat(peer.got).toString()).toBe('ab');
    await until(() => engine.counters.sendErrors > 0);
  });

  it('says which port is taken, and shares one only when asked to', async () => {
    const engine = await engineWith(name);
    const bind = {family: 4, address: '127.0.0.1'} as const;
    const relay = await engine.bindRelay({...bind, port: 0, announced: '203.0.113.7'});
    const {port} = relay.relayed;
    expect(relay.relayed.address).toBe('203.0.113.7');
    await expect(engine.bindRelay({...bind, port})).rejects.toMatchObject({code: 'EADDRINUSE'});
    await expect(engine.listen({...bind, address: '192.0.2.1', port: 0, reusePort: false})).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
    await relay.close();
    // Not even with one that would share: the last to bind gets all datagrams then.
    const thief = createSocket({type: 'udp4', reuseAddr: true});
    cleanUp.push(() => void thief.close());
    const again = await engine.bindRelay({...bind, port});
    const refused = once(thief, 'error');
    thief.bind(port, bind.address);
    expect((await refused)[0]).toMatchObject({code: 'EADDRINUSE'});
    await again.close();
    const both = await engine.listen({family: 6, address: '::', port: 0, reusePort: false});
    await engine.listen({family: 4, address: '0.0.0.0', port: both.local.port, reusePort: false});
    const first = await engine.listen({...bind, port: 0, reusePort: true});
    const second = await engine.listen({...bind, port: first.local.port, reusePort: true});
    expect(second.local.port).toBe(first.local.port);
  });

  it('is quiet after its end', async () => {
    const paths: UdpPath[] = [];
    const engine = await engineWith(name, {fromClient: (path) => paths.push(path)});
    const listener = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
    const relay = await engine.bindRelay({family: 4, address: '127.0.0.1', port: 0});
    const client = await peerAt('127.0.0.1');
    client.socket.send('x', listener.local.port, '127.0.0.1');
    await until(() => paths.length === 1);
    relay.send(paths[0]!.remote, Buffer.from('last'));
    await engine.close();
    await engine.close();
    await Promise.all([listener.close(), relay.close()]);
    paths[0]!.send(Buffer.from('late'));
    relay.send(paths[0]!.remote, Buffer.from('late'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(Buffer.concat(client.got).toString()).toBe('last');
  });
});
