import {randomBytes} from 'node:crypto';
import {createSocket, type Socket} from 'node:dgram';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {writeCertificate} from '../support/lab/certificate.ts';
import {freePorts} from '../support/lab/free-ports.ts';
import {listeningPorts} from '../support/lab/listening-ports.ts';
import {RawClient, type Server, UDP_TRANSPORT} from '../support/lab/raw-client.ts';
import {type Attribute, build, METHOD, paddingsOf, TYPE} from '../support/lab/raw-stun.ts';
import {DEEP} from '../support/lab/requires.ts';
import {TurnServer, type TurnProcessOptions, UNLIMITED} from '../support/lab/turn-server.ts';

/*
 * What went wrong in other TURN servers, on real sockets. What a single request can show is a probe
 * (test/support/lab/probes), what leads into the server's own network is in ssrf.test.ts.
 */

const EVEN_PORT: Attribute = [TYPE.evenPort, Buffer.of(0)];
const SECRET = 'a secret of the lab';

let folder: string;
let server: TurnServer;

async function start(options: Partial<TurnProcessOptions> = {}): Promise<TurnServer> {
  const [port = 0] = await freePorts(1);
  return TurnServer.start({addresses: ['127.0.0.1'], port, secret: SECRET, limits: UNLIMITED, ...options});
}

/** A client with a user of its own, from an address of its own where one is given. */
async function client(to: TurnServer, {user, ...more}: Partial<Server> & {user?: string} = {}): Promise<RawClient> {
  return RawClient.open(
    {address: '127.0.0.1', port: to.options.port, ...more},
    to.credential(user ?? randomBytes(6).toString('hex')),
  );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'qv-attacks-'));
  const [tlsPort = 0] = await freePorts(1);
  server = await start({tls: {port: tlsPort, ...writeCertificate(folder)}, allow: ['127.0.0.0/8']});
});
afterAll(async () => {
  await server.kill();
  rmSync(folder, {recursive: true, force: true});
});

describe('no state before authentication (coturn #780, #1641: 18 KB for each forged packet)', () => {
  it(
    `${DEEP ? 200_000 : 20_000} Allocates from a thousand addresses leave nothing behind`,
    {timeout: 300_000},
    async () => {
      await using target = await start();
      const flood = async (packets: number): Promise<void> => floodWithAllocates(target.options.port, packets);
      // The tables of the limiters and the heap get their size first.
      await flood(10_000);
      const before = {descriptors: target.descriptors, memory: target.memoryMiB};
      await flood(DEEP ? 200_000 : 20_000);
      expect(target.descriptors).toBeLessThanOrEqual(before.descriptors + 5);
      // The heap breathes by some MiB; 18 KB each would be 350.
      expect(target.memoryMiB - before.memory).toBeLessThan(16);
      expect(await target.metric('quiver_turn_allocations')).toBe(0);
    },
  );
});

describe('reflection (rtcbits.com/2025/06/turnreflectionattacks)', () => {
  it('a flood from one source gets fewer bytes back than it sends, and others are served meanwhile', async () => {
    await using target = await start();
    const socket = createSocket('udp4').bind(0, '127.0.0.66');
    await once(socket, 'listening');
    let received = 0;
    socket.on('message', (bytes) => (received += bytes.length));
    let sent = 0;
    for (let i = 0; i < 3_000; i += 1) {
      const bytes = build({method: METHOD.allocate, attributes: [UDP_TRANSPORT]});
      sent += bytes.length;
      socket.send(bytes, target.options.port, '127.0.0.1');
      if (i % 50 === 0) await sleep(5);
    }
    using other = await client(target, {from: '127.0.0.67'});
    expect((await other.allocate())?.class).toBe('success');
    socket.close();
    expect(received).toBeGreaterThan(0);
    expect(received).toBeLessThan(sent);
  });
});

describe('what cannot be foretold (CVE-2025-69217)', () => {
  it('relay ports of a row of allocations have no pattern', async () => {
    const ports: number[] = [];
    const clients = await Promise.all(Array.from({length: 60}, async () => client(server)));
    for (const one of clients) ports.push((await one.relay()).port);
    for (const one of clients) one.close();
    const steps = ports.slice(1).map((port, i) => port - ports[i]!);
    expect(new Set(steps).size).toBeGreaterThan(50);
    expect(steps.filter((step) => step > 0).length).toBeGreaterThan(12);
    expect(steps.filter((step) => step < 0).length).toBeGreaterThan(12);
  });

  it('a nonce of the server before its restart is worth nothing', async () => {
    const first = await start();
    using one = await client(first);
    await one.challenge();
    await first.kill();
    await using again = await TurnServer.start(first.options);
    const answer = await one.exchange(one.signed(METHOD.allocate, [UDP_TRANSPORT]));
    expect({alive: again.alive, code: answer?.code}).toEqual({alive: true, code: 438});
  });
});

describe('the port pool (coturn 4adbd82e: EVEN-PORT leaked a port for ever)', () => {
  it('of eight ports every one is there again after forty rounds', async () => {
    await using target = await start({relayPorts: [22_000, 22_007]});
    for (let round = 0; round < 40; round += 1) {
      using one = await client(target);
      const answer = await one.allocate(...(round % 2 === 0 ? [EVEN_PORT] : []));
      expect(answer?.class, `round ${round}: ${answer?.code}`).toBe('success');
      expect((await one.refresh(0))?.class).toBe('success');
    }
    const clients = await Promise.all(Array.from({length: 8}, async () => client(target)));
    for (const one of clients) expect((await one.allocate())?.class).toBe('success');
    using ninth = await client(target);
    expect((await ninth.allocate())?.code).toBe(508);
    for (const one of clients) one.close();
  });
});

describe('quotas (coturn 4.16, 4.17: held or passed by what was pending)', () => {
  it('fifty Allocates of one user at once give five, and five again when those have ended', async () => {
    await using target = await start({limits: {...UNLIMITED, maxPerUser: 5}});
    for (let round = 0; round < 2; round += 1) {
      const user = {user: 'the same'};
      const clients = await Promise.all(Array.from({length: 50}, async () => client(target, user)));
      const answers = await Promise.all(clients.map(async (one) => one.allocate()));
      const outcomes = answers.map((answer) => answer?.code ?? answer?.class);
      expect(outcomes.filter((outcome) => outcome === 'success')).toHaveLength(5);
      expect(outcomes.filter((outcome) => outcome === 486)).toHaveLength(45);
      await Promise.all(clients.map(async (one) => one.refresh(0)));
      for (const one of clients) one.close();
    }
  });

  it('ten allocations a minute and user, whatever their number at a time', async () => {
    await using target = await start({limits: {...UNLIMITED, perUserPerMinute: 10}});
    const outcomes: unknown[] = [];
    for (let i = 0; i < 12; i += 1) {
      using one = await client(target, {user: 'hasty'});
      const answer = await one.allocate();
      outcomes.push(answer?.code ?? answer?.class);
      await one.refresh(0);
    }
    expect(outcomes.filter((outcome) => outcome === 'success')).toHaveLength(10);
    using other = await client(target, {user: 'patient'});
    expect((await other.allocate())?.class).toBe('success');
  });
});

describe('protocols that are not spoken', () => {
  it('DTLS gets no answer (GHSA-5x2p-4vqj-f6m4: state before the cookie)', async () => {
    using one = await client(server);
    const hello = Buffer.concat([Buffer.from('16feff0000000000000000', 'hex'), Buffer.of(0, 100), randomBytes(100)]);
    for (let i = 0; i < 20; i += 1) one.send(hello);
    expect(await one.receive((bytes) => bytes)).toBeUndefined();
    expect((await one.ask(METHOD.binding))?.class).toBe('success');
  });

  it.each(['tcp', 'tls'] as const)(
    'HTTP over %s gets no page (CVE-2020-6061, the admin page of coturn)',
    async (transport) => {
      const port = transport === 'tls' ? server.options.tls!.port : server.options.port;
      using one = await client(server, {transport, port});
      let received = '';
      one.stream!.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')));
      one.send(Buffer.from('GET / HTTP/1.1\r\nHost: turn.example\r\n\r\n'));
      await expect.poll(() => one.closed).toBe(true);
      expect(received).toBe('');
    },
  );

  it('the process listens on the ports it was given and on no other (no telnet, no web admin)', () => {
    const {port, tls} = server.options;
    expect(listeningPorts(server.child.pid!)).toEqual([port, tls!.port].toSorted((a, b) => a - b));
  });
});

describe('lengths (CVE-2026-43994, CVE-2026-40613: overflow in a token, a length cut to 16 bits)', () => {
  it('attributes of absurd lengths and numbers do no harm', async () => {
    using over = await client(server, {transport: 'tcp'});
    await over.challenge();
    const realm: Attribute = [TYPE.realm, Buffer.from(over.realm)];
    const nonce: Attribute = [TYPE.nonce, over.nonce];
    const name: Attribute = [TYPE.username, Buffer.from('x')];
    const absurd: Attribute[][] = [
      [[TYPE.username, Buffer.alloc(60_000, 0x61)], realm, nonce],
      [name, realm, nonce, [0x001b, Buffer.alloc(60_000, 0xff)]], // ACCESS-TOKEN (RFC 7635)
      [name, [TYPE.realm, Buffer.alloc(60_000, 0x61)], nonce],
      [name, realm, [TYPE.nonce, Buffer.alloc(60_000, 0x61)]],
      Array.from({length: 16_000}, (): Attribute => [0xc001, Buffer.alloc(0)]),
      Array.from({length: 16_000}, (): Attribute => [0x7f00, Buffer.alloc(0)]),
    ];
    for (const attributes of absurd) {
      using one = await client(server, {transport: 'tcp'});
      const answer = await one.ask(METHOD.allocate, [UDP_TRANSPORT, ...attributes], {key: over.key});
      expect(answer?.class ?? 'none').not.toBe('success');
      expect(answer?.bytes.length ?? 0).toBeLessThan(2_000);
    }
    for (const [at, length] of [
      [2, 0xffff],
      [22, 0xffff],
      [22, 0xfffc],
      [22, 0xfffd],
    ] as const) {
      using one = await client(server);
      const bytes = build({method: METHOD.allocate, attributes: [UDP_TRANSPORT, name]});
      bytes.writeUInt16BE(length, at);
      expect((await one.exchange(bytes))?.class ?? 'none').not.toBe('success');
    }
    expect((await over.allocate())?.class).toBe('success');
  });
});

describe('memory of others in answers (CVE-2020-4067)', () => {
  it('padding is zero everywhere', async () => {
    using one = await client(server, {transport: 'tcp'});
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const relayed = await one.relay();
    const paddings: Buffer[] = [];
    one.stream!.on('data', (bytes: Buffer) => paddings.push(...paddingsOf(bytes)));
    await one.permit(peer.address());
    // Warm buffers: longer secrets first, shorter payloads later.
    for (const size of [900, 61, 62, 63, 5, 6, 7, 1]) {
      peer.send(Buffer.alloc(size, 0xee), relayed.port, relayed.address);
      await sleep(10);
    }
    await one.bind(0x4000, peer.address());
    for (const size of [900, 61, 62, 63, 1]) {
      peer.send(Buffer.alloc(size, 0xee), relayed.port, relayed.address);
      await sleep(10);
    }
    await one.ask(METHOD.allocate, [[0x7f01, Buffer.alloc(1)]]);
    await sleep(50);
    peer.close();
    expect(paddings.length).toBeGreaterThan(8);
    expect(Buffer.concat(paddings).every((byte) => byte === 0)).toBe(true);
  });
});

/** Bare Allocates from many sources of 127/8, with forged variety. */
async function floodWithAllocates(port: number, packets: number): Promise<void> {
  const sockets: Socket[] = Array.from({length: 1_000}, (_one, i) =>
    createSocket('udp4').bind(0, `127.1.${i >> 8}.${i & 255 || 1}`),
  );
  await Promise.all(sockets.map(async (socket) => once(socket, 'listening')));
  for (let i = 0; i < packets; i += 1) {
    const bytes = build({method: METHOD.allocate, attributes: [UDP_TRANSPORT]});
    sockets[i % sockets.length]!.send(bytes, port, '127.0.0.1');
    if (i % 200 === 0) await sleep(1);
  }
  await sleep(300);
  for (const socket of sockets) socket.close();
}
