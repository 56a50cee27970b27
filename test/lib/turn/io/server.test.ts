import {randomInt} from 'node:crypto';
import {createSocket} from 'node:dgram';
import type {Socket} from 'node:dgram';
import {once} from 'node:events';
import {connect} from 'node:net';
import {connect as connectTls} from 'node:tls';

import {afterEach, describe, expect, it} from 'vitest';

import {openSockets} from '../../../support/open-sockets.ts';
import {makeCertificate} from './certificate.ts';
import {startServer, USER} from './test-server.ts';
import type {TestServer, TestServerOptions} from './test-server.ts';
import {TurnClient} from './turn-client.ts';
import type {Address, TestClientOptions} from './turn-client.ts';

const DEEP = process.env['QUIVER_DEEP'] === '1';
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(options?: TestServerOptions): Promise<TestServer> {
  const started = await startServer(options);
  closers.push(() => started.server.close());
  return started;
}

async function client(options: TestClientOptions): Promise<TurnClient> {
  const connected = await TurnClient.connect({...USER, ...options});
  closers.push(() => connected.close());
  return connected;
}

/** A peer that sends back what it gets, until it is told not to. */
async function echoPeer(host = '127.0.0.1'): Promise<{address: Address; socket: Socket}> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address));
  socket.bind(0, host);
  await once(socket, 'listening');
  closers.push(() => socket.close());
  return {address: {address: host, port: socket.address().port}, socket};
}

async function until(what: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!what()) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('relaying', () => {
  it.each([
    ['udp', '127.0.0.1', 4],
    ['tcp', '127.0.0.1', 4],
    ['tls', '127.0.0.1', 4],
    ['udp', '::1', 6],
    ['tcp', '::1', 6],
    ['tls', '::1', 4],
    ['udp', '127.0.0.1', 6],
  ] as const)(
    'passes data both ways for a client over %s to %s with an IPv%d relay',
    async (transport, host, family) => {
      const tls = {port: 0, certificate: makeCertificate('turn.test')};
      const {port, tlsPort, server} = await start({listen: {tls}});
      const peer = await echoPeer(family === 4 ? '127.0.0.1' : '::1');
      const turn = await client({
        transport,
        host,
        port: transport === 'tls' ? tlsPort : port,
      });

      const relayed = await turn.allocate({family});
      expect(relayed).toMatchObject({address: family === 4 ? '127.0.0.1' : '::1'});
      expect(await turn.permit(peer.address)).toBe(0);
      for (const size of [0, 1, 3, 160, 1_200]) {
        turn.send(peer.address, Buffer.alloc(size, size));
        expect(await turn.receive()).toEqual({from: peer.address, data: Buffer.alloc(size, size)});
      }
      expect(await turn.bind(0x4000, peer.address)).toBe(0);
      for (const size of [0, 1, 101, 102, 103, 1_200]) {
        turn.send(0x4000, Buffer.alloc(size, size));
        expect(await turn.receive()).toEqual({from: 0x4000, data: Buffer.alloc(size, size)});
      }
      const {counters, core} = server.stats();
      expect(counters.traffic[transport]).toMatchObject({packetsToPeer: 11, packetsToClient: 11});
      expect(core.allocations).toBe(1);
      expect(await turn.refresh(0)).toBe(0);
      expect(server.stats().core.allocations).toBe(0);
    },
  );

  it('tells clients of a NAT’s address and joins two of them without it', async () => {
    const {port} = await start({
      relay: {addresses: [{address: '127.0.0.1', announced: '203.0.113.7'}]},
      core: {peers: {allow: [], deny: [], ownRelays: ['203.0.113.7'], relayPorts: [30_000, 32_000]}},
    });
    const [one, other] = await Promise.all([1, 2].map(() => client({transport: 'udp', host: '127.0.0.1', port})));
    const [addressOfOne, addressOfOther] = [await one!.allocate(), await other!.allocate()] as Address[];
    expect([addressOfOne, addressOfOther]).toMatchObject([{address: '203.0.113.7'}, {address: '203.0.113.7'}]);
    expect(await one!.permit(addressOfOther!)).toBe(0);
    expect(await other!.bind(0x4001, addressOfOne!)).toBe(0);
    one!.send(addressOfOther!, Buffer.from('through the NAT'));
    expect(await other!.receive()).toEqual({from: 0x4001, data: Buffer.from('through the NAT')});
    other!.send(0x4001, Buffer.from('and back'));
    expect(await one!.receive()).toEqual({from: addressOfOther, data: Buffer.from('and back')});
  });

  it('answers requests after garbage, empty datagrams and a peer’s, and logs no bug', async () => {
    const {port, server, logged} = await start();
    const peer = await echoPeer();
    const turn = await client({transport: 'udp', host: '127.0.0.1', port});
    const relayed = (await turn.allocate()) as Address;
    expect(await turn.permit(peer.address)).toBe(0);

    const stranger = createSocket('udp4');
    closers.push(() => stranger.close());
    const random = Buffer.alloc(1_500, 'quiver');
    for (let index = 0; index < 300; index += 1) {
      const bytes = Buffer.from(random.subarray(0, (index * 37) % 1_500));
      if (bytes.length > 8) bytes.writeUInt32BE((index * 2_654_435_761) >>> 0, (index * 13) % (bytes.length - 4));
      for (const to of [port, relayed.port]) {
        stranger.send(bytes, to, '127.0.0.1');
        peer.socket.send(bytes, to, '127.0.0.1');
      }
      turn.connection.send(bytes);
    }
    await until(() => server.stats().counters.malformed > 0);
    // The flood fills the client's own buffer, and what comes then is lost.
    const again = setInterval(() => peer.socket.send(Buffer.from('still here'), relayed.port, '127.0.0.1'), 50);
    closers.push(() => clearInterval(again));
    for (;;) if ((await turn.receive()).data.toString() === 'still here') break;
    expect(await turn.refresh(600)).toBe(0);
    expect(logged).toEqual([]);
    expect(server.stats().internalErrors).toBe(0);
  });

  it('lives through mutated requests, from a client with an allocation, a stranger and a peer', async () => {
    const packets = DEEP ? 1_000_000 : 5_000;
    const {port, server, logged} = await start();
    const peer = await echoPeer();
    const turn = await client({transport: 'udp', host: '127.0.0.1', port, timeoutMs: 300_000});
    const sent: Buffer[] = [Buffer.from('40000004deadbeef', 'hex')];
    const {connection} = turn;
    const send = connection.send.bind(connection);
    connection.send = (bytes) => {
      sent.push(Buffer.from(bytes));
      send(bytes);
    };
    const relayed = (await turn.allocate()) as Address;
    expect(await turn.permit(peer.address)).toBe(0);
    expect(await turn.bind(0x4000, peer.address)).toBe(0);
    turn.send(peer.address, Buffer.from('hello'));
    await turn.binding();
    connection.send = send;

    const stranger = createSocket('udp4');
    closers.push(() => stranger.close());
    for (let index = 0; index < packets; index += 1) {
      const bytes = Buffer.from(sent[index % sent.length]!);
      for (let flips = 1 + (index % 3); flips > 0; flips -= 1) bytes[randomInt(bytes.length)] = randomInt(256);
      const part = index % 7 === 0 ? bytes.subarray(0, randomInt(bytes.length + 1)) : bytes;
      if (index % 2 === 0) send(part);
      else if (index % 4 === 1) stranger.send(part, port, '127.0.0.1');
      else peer.socket.send(part, relayed.port, '127.0.0.1');
      if (index % 32 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await turn.binding()).toMatchObject({address: '127.0.0.1'});
    expect(server.stats().counters.malformed).toBeGreaterThan(packets / 10);
    expect(server.stats().internalErrors).toBe(0);
    expect(logged).toEqual([]);
  }, 600_000);

  it('opens and closes allocations without keeping a socket or a quota', async () => {
    const rounds = DEEP ? 10_000 : 1_000;
    const {port, server, admission} = await start();
    const turn = await client({transport: 'udp', host: '127.0.0.1', port, timeoutMs: 300_000});
    const before = openSockets().length;
    for (let round = 0; round < rounds; round += 1) {
      // A hundred ports may be reserved at a time.
      const even = round < 150 && round % 3 === 0 ? 'pair' : 'even';
      expect(await turn.allocate(round % 2 === 0 ? {} : {even})).toMatchObject({address: '127.0.0.1'});
      expect(await turn.refresh(0)).toBe(0);
    }
    // Ports that were reserved beside an even one are kept for 30 seconds, and count as long.
    const {reservations} = server.stats().core;
    await until(() => openSockets().length - reservations <= before);
    expect(reservations).toBeLessThanOrEqual(100);
    expect(admission.held).toBeLessThanOrEqual(reservations);
    await server.close();
    expect(admission.held).toBe(0);
  }, 600_000);

  it('counts an allocation until its socket is closed', async () => {
    const {port, admission} = await start({admission: {maxPerUser: 1}});
    const one = await client({transport: 'udp', host: '127.0.0.1', port});
    const other = await client({transport: 'udp', host: '127.0.0.1', port});
    expect(await one.allocate()).toMatchObject({address: '127.0.0.1'});
    expect(await other.allocate()).toBe(486);
    expect(await one.refresh(0)).toBe(0);
    await until(() => admission.held === 0);
    expect(await other.allocate()).toMatchObject({address: '127.0.0.1'});
  });
});

describe('connections', () => {
  it('end their allocation when they are closed', async () => {
    const {port, server, admission} = await start();
    const turn = await TurnClient.connect({...USER, transport: 'tcp', host: '127.0.0.1', port});
    expect(await turn.allocate()).toMatchObject({address: '127.0.0.1'});
    expect(server.stats()).toMatchObject({connections: 1, core: {allocations: 1}});
    turn.close();
    await until(() => admission.held === 0 && server.stats().connections === 0);
    expect(server.stats().core.allocations).toBe(0);
  });

  it('are closed without a whole message in time, however slowly one comes', async () => {
    const {port, server} = await start({streams: {firstMessageMs: 300, idleMs: 300}});
    const silent = connect({host: '127.0.0.1', port});
    const slow = connect({host: '127.0.0.1', port});
    const drip = setInterval(() => slow.write(Uint8Array.of(0)), 50);
    closers.push(() => clearInterval(drip));
    for (const socket of [silent, slow]) socket.on('error', () => undefined);
    await Promise.all([once(silent, 'close'), once(slow, 'close')]);
    expect(server.stats().streams).toMatchObject({accepted: 2, overdue: 2});
    await until(() => server.stats().connections === 0);
  });

  it('are closed when idle, but not while they hold an allocation', async () => {
    const {port, server} = await start({streams: {firstMessageMs: 300, idleMs: 300}});
    const holder = await client({transport: 'tcp', host: '127.0.0.1', port});
    const asker = await client({transport: 'tcp', host: '127.0.0.1', port});
    expect(await holder.allocate()).toMatchObject({address: '127.0.0.1'});
    expect(await asker.binding()).toMatchObject({address: '127.0.0.1'});
    await until(() => server.stats().connections === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await holder.refresh(600)).toBe(0);
    expect(await holder.refresh(0)).toBe(0);
    await until(() => server.stats().connections === 0);
  });

  it('are closed when what comes is not STUN', async () => {
    const {port} = await start();
    const socket = connect({host: '127.0.0.1', port});
    socket.write('GET / HTTP/1.1\r\nHost: turn\r\n\r\n');
    await once(socket, 'close');
  });

  it('have limits in total and for one source', async () => {
    const {port, server} = await start({streams: {connections: 3, connectionsPerSource: 2}});
    const open = async (localAddress: string): Promise<boolean> => {
      const socket = connect({host: '127.0.0.1', port, localAddress});
      socket.on('error', () => undefined);
      closers.push(() => socket.destroy());
      await once(socket, 'connect');
      const closed = once(socket, 'close').then(() => false);
      return Promise.race([closed, new Promise<boolean>((resolve) => setTimeout(resolve, 200, true))]);
    };
    const opened = [
      await open('127.0.0.1'),
      await open('127.0.0.1'),
      await open('127.0.0.1'),
      await open('127.0.0.2'),
      await open('127.0.0.2'),
    ];
    expect(opened).toEqual([true, true, false, true, false]);
    expect(server.stats()).toMatchObject({connections: 3, streams: {accepted: 3, refused: 2}});
  });

  it('have a limit on how often one source comes', async () => {
    const {port, server} = await start({streams: {acceptsPerSecond: 1, acceptBurst: 5}});
    for (let index = 0; index < 10; index += 1) {
      const socket = connect({host: '127.0.0.1', port});
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.destroy();
    }
    await until(() => server.stats().streams.accepted + server.stats().streams.refused === 10);
    expect(server.stats().streams.refused).toBeGreaterThanOrEqual(4);
  });

  it('drop data for a client that does not read, and nobody else’s', async () => {
    const {port, server} = await start({streams: {writeBufferBytes: 64 * 1024}});
    const deaf = await client({transport: 'tcp', host: '127.0.0.1', port});
    const other = await client({transport: 'tcp', host: '127.0.0.1', port});
    const relayed = (await deaf.allocate()) as Address;
    const peer = await echoPeer();
    expect(await deaf.bind(0x4000, peer.address)).toBe(0);
    (deaf.connection.socket as {pause(): void}).pause();
    const data = Buffer.alloc(1_200);
    for (let round = 0; server.stats().streams.sendDropped === 0; round += 1) {
      if (round > 1_000) throw new Error('nothing was dropped');
      for (let index = 0; index < 50; index += 1) peer.socket.send(data, relayed.port, '127.0.0.1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await other.binding()).toMatchObject({address: '127.0.0.1'});
    (deaf.connection.socket as {resume(): void}).resume();
    expect(await deaf.refresh(600)).toBe(0);
  });

  it('over TLS speak stun.turn at 1.2 or above, and end when a handshake does not', async () => {
    const tls = {port: 0, certificate: makeCertificate('turn.test')};
    const {tlsPort: port, server} = await start({listen: {tls}, streams: {firstMessageMs: 300}});
    const options = {host: '127.0.0.1', port, rejectUnauthorized: false};

    const good = connectTls({...options, ALPNProtocols: ['stun.turn']});
    await once(good, 'secureConnect');
    expect(good.alpnProtocol).toBe('stun.turn');
    expect(good.getPeerCertificate().subject.CN).toBe('turn.test');
    good.end();
    await once(good, 'close');

    const foreign = connectTls({...options, ALPNProtocols: ['h2']});
    await expect(once(foreign, 'secureConnect')).rejects.toThrow(/alert/i);
    const old = connectTls({...options, maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0'});
    await expect(once(old, 'secureConnect')).rejects.toThrow();

    const silent = connect({host: '127.0.0.1', port});
    await once(silent, 'close');
    await until(() => server.stats().connections === 0);
    expect(server.stats().streams.handshakesFailed).toBe(3);
  });

  it('get a new certificate without losing the old connections', async () => {
    const tls = {port: 0, certificate: makeCertificate('old.test')};
    const {tlsPort: port, server} = await start({listen: {tls}});
    const before = await client({transport: 'tls', host: '127.0.0.1', port});
    expect(await before.allocate()).toMatchObject({address: '127.0.0.1'});
    server.setCertificate(makeCertificate('new.test'));
    const after = connectTls({host: '127.0.0.1', port, rejectUnauthorized: false});
    await once(after, 'secureConnect');
    expect(after.getPeerCertificate().subject.CN).toBe('new.test');
    after.destroy();
    expect(await before.refresh(600)).toBe(0);
  });
});
