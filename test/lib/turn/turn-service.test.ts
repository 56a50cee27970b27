import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {connect as connectTls} from 'node:tls';

import {afterEach, describe, expect, it} from 'vitest';

import {issueCredential} from '../../../src/lib/turn/core/credentials.ts';
import {SecretFile} from '../../../src/lib/turn/secret-file.ts';
import {TurnService} from '../../../src/lib/turn/turn-service.ts';
import type {TurnServiceOptions} from '../../../src/lib/turn/turn-service.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {openSockets} from '../../support/open-sockets.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import {serviceContext} from './io/context.ts';
import type {TestContext} from './io/context.ts';
import {USER} from './io/test-server.ts';
import {TurnClient} from './io/turn-client.ts';
import type {Address} from './io/turn-client.ts';

const SECRET = 'a secret that only this test knows';
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const signal = (): AbortSignal => AbortSignal.timeout(10_000);

function optionsOf(options: Partial<TurnServiceOptions> = {}): TurnServiceOptions {
  return {
    listen: {hosts: ['127.0.0.1', '::1'], port: 0, tcp: true},
    relay: {addresses: [{address: '127.0.0.1'}, {address: '::1'}], ports: [33_000, 35_000]},
    realm: 'test.example',
    secrets: [SECRET],
    users: new Map([[USER.username, USER.password]]),
    peers: {allow: ['127.0.0.0/8', '::1/128'], deny: []},
    admission: {perUserPerMinute: 10_000},
    ...options,
  };
}

interface Started {
  service: TurnService;
  context: TestContext;
  port: number;
  tlsPort: number;
}

async function start(options: Partial<TurnServiceOptions> = {}): Promise<Started> {
  const service = new TurnService(optionsOf(options));
  const context = await serviceContext();
  closers.push(() => service.stop());
  await service.start(context);
  const portOf = (scheme: string): number =>
    Number(/:(\d+)(\?|$)/.exec(service.info().addresses.find((url) => url.startsWith(scheme)) ?? '')?.[1] ?? 0);
  return {service, context, port: portOf('turn:'), tlsPort: portOf('turns:')};
}

async function connect(
  port: number,
  more: Partial<Parameters<typeof TurnClient.connect>[0]> = {},
): Promise<TurnClient> {
  const client = await TurnClient.connect({...USER, transport: 'udp', host: '127.0.0.1', port, ...more});
  closers.push(() => client.close());
  return client;
}

async function until(what: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('TurnService', () => {
  it('says where it is, passes its own check and leaves nothing open', async () => {
    const files = writeCertificate(temporaryFolder());
    const before = openSockets().length;
    const {service, port, tlsPort} = await start({
      listen: {hosts: ['127.0.0.1', '::1'], port: 0, tcp: true, tls: {port: 0, ...files}},
    });
    expect(service.info()).toMatchObject({
      name: 'turn',
      kind: 'network.turn',
      status: 'ready',
      addresses: [
        `turn:127.0.0.1:${port}?transport=udp`,
        `turn:[::1]:${port}?transport=udp`,
        `turn:127.0.0.1:${port}?transport=tcp`,
        `turn:[::1]:${port}?transport=tcp`,
        `turns:127.0.0.1:${tlsPort}?transport=tcp`,
        `turns:[::1]:${tlsPort}?transport=tcp`,
      ],
      metadata: {realm: 'test.example', engine: 'dgram', workers: 1, allocations: 0},
    });
    const {ok, checks} = await service.health(signal());
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(checks.map(({name}) => name)).toContain('allocate IPv6');
    await service.stop();
    await service.stop();
    expect(openSockets().length).toBe(before);
    expect((await service.health(signal())).ok).toBe(false);
  });

  it('tells others its public names', async () => {
    const {service, port} = await start({
      listen: {hosts: ['127.0.0.1'], port: 0, tcp: true, publicAddresses: ['turn.example', '2001:db8::7']},
    });
    expect(service.info().publicAddresses).toEqual([
      `turn:turn.example:${port}?transport=udp`,
      `turn:turn.example:${port}?transport=tcp`,
      `turn:[2001:db8::7]:${port}?transport=udp`,
      `turn:[2001:db8::7]:${port}?transport=tcp`,
    ]);
  });

  it('takes time-limited credentials, and counts users over all connections', async () => {
    const {port, service} = await start({admission: {maxPerUser: 2}});
    const {username, credential: password} = issueCredential({
      user: 'did:peers:bob',
      secret: SECRET,
      nowMs: Date.now(),
    });
    const clients = await Promise.all(
      (['udp', 'tcp', 'udp'] as const).map((transport) => connect(port, {transport, username, password})),
    );
    const results: unknown[] = [];
    for (const client of clients) results.push(await client.allocate());
    expect(results).toMatchObject([{address: '127.0.0.1'}, {address: '127.0.0.1'}, 486]);
    expect(service.info().metadata['allocations']).toBe(2);
    expect(await (await connect(port, {username, password: 'wrong'})).allocate()).toBe(401);
    // Its own check still passes: it takes from nobody's quota.
    expect((await service.health(signal())).ok).toBe(true);
  });

  it('takes new secrets while it runs, without losing what was allocated with the old ones', async () => {
    const {port, service} = await start();
    const issue = (secret: string): {username: string; password: string} => {
      const {username, credential} = issueCredential({user: 'bob', secret, nowMs: Date.now()});
      return {username, password: credential};
    };
    const early = await connect(port, issue(SECRET));
    expect(await early.allocate()).toMatchObject({address: '127.0.0.1'});
    service.setSecrets(['another secret than before']);
    expect(await (await connect(port, issue(SECRET))).allocate()).toBe(401);
    expect(await (await connect(port, issue('another secret than before'))).allocate()).toMatchObject({});
    expect(await early.refresh(600)).toBe(0);
    expect((await service.health(signal())).ok).toBe(true);
  });

  it('takes the secrets of a file that is replaced, as long as it runs', async () => {
    const path = join(temporaryFolder(), 'turn.secret');
    writeFileSync(path, `${SECRET.replaceAll(' ', '-')}\n`, {mode: 0o600});
    const file = new SecretFile(path, [SECRET], 10);
    const {port, service} = await start({watchSecrets: (hooks) => file.watch(hooks)});
    const login = (secret = 'the-second-of-two-secrets'): {username: string; password: string} => {
      const {username, credential} = issueCredential({user: 'bob', secret, nowMs: Date.now()});
      return {username, password: credential};
    };
    expect(await (await connect(port, login())).allocate()).toBe(401);
    writeFileSync(path, `the-second-of-two-secrets\n${'x'.repeat(16)}\n`, {mode: 0o600});
    await until(() => file.current.length === 2);
    const allocate = async (): Promise<unknown> => (await connect(port, login())).allocate();
    await until(async () => (await allocate()) !== 401);
    expect(await (await connect(port, login('x'.repeat(16)))).allocate()).toMatchObject({});
    expect(await (await connect(port, login(SECRET))).allocate()).toBe(401);
    await service.stop();
    writeFileSync(path, `${'y'.repeat(16)}\n`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(file.current).toHaveLength(2);
  });

  it('measures what it does', async () => {
    const {port, context} = await start();
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    closers.push(() => peer.close());
    const client = await connect(port);
    await client.binding();
    const relayed = (await client.allocate()) as Address;
    await client.bind(0x4000, {address: '127.0.0.1', port: peer.address().port});
    client.send(0x4000, Buffer.alloc(100));
    await once(peer, 'message');
    peer.send(Buffer.alloc(50), relayed.port, '127.0.0.1');
    await client.receive();
    await (await connect(port, {password: 'wrong'})).allocate();
    const text = await context.metrics.metrics();
    for (const line of [
      'quiver_turn_allocations{service="test"} 1',
      'quiver_turn_active_sessions{service="test"} 1',
      'quiver_turn_allocations_total{service="test"} 1',
      'quiver_turn_bytes_total{direction="to-peer",transport="udp",service="test"} 100',
      'quiver_turn_bytes_total{direction="to-client",transport="udp",service="test"} 50',
      'quiver_turn_packets_total{direction="to-client",transport="udp",service="test"} 1',
      'quiver_turn_bandwidth_bytes_total{service="test"} 150',
      'quiver_turn_auth_failures_total{service="test"} 1',
      'quiver_turn_refused_total{reason="user-quota",service="test"} 0',
      'quiver_stun_requests_total{service="test"} 1',
      'quiver_stun_rate_limited_total{service="test"} 0',
      'quiver_stun_workers{service="test"} 1',
      'quiver_stun_internal_errors_total{service="test"} 0',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
  });

  it('drains: nothing new, and what lives goes on until it ends', async () => {
    const {port, service} = await start();
    const client = await connect(port);
    expect(await client.allocate()).toMatchObject({address: '127.0.0.1'});
    let drained = false;
    const draining = service.drain().then(() => (drained = true));
    expect(service.info().status).toBe('draining');
    expect(await (await connect(port)).allocate()).toBe(508);
    expect(await client.refresh(600)).toBe(0);
    expect((await service.health(signal())).ok).toBe(true);
    expect(drained).toBe(false);
    expect(await client.refresh(0)).toBe(0);
    await draining;
  });

  it('takes a new certificate when the files change, and keeps the old one when they are broken', async () => {
    const folder = temporaryFolder();
    const files = writeCertificate(folder, {name: 'old.example'});
    const {tlsPort, context} = await start({
      listen: {hosts: ['127.0.0.1'], port: 0, tcp: false, tls: {port: 0, ...files}},
      certificatePollMs: 30,
    });
    const name = async (): Promise<string> => {
      const socket = connectTls({host: '127.0.0.1', port: tlsPort, rejectUnauthorized: false});
      await once(socket, 'secureConnect');
      const {CN} = socket.getPeerCertificate().subject;
      socket.end();
      await once(socket, 'close');
      return String(CN);
    };
    expect(await name()).toBe('old.example');
    // Only the certificate, as between the two writes of a renewal: it does not go with the key.
    writeCertificate(temporaryFolder(), {name: 'x'});
    const {readFileSync} = await import('node:fs');
    const other = writeCertificate(temporaryFolder(), {name: 'new.example'});
    writeFileSync(files.certFile, readFileSync(other.certFile));
    await until(() => context.logged().some((line) => line.includes('can not be used')));
    expect(await name()).toBe('old.example');
    writeFileSync(files.keyFile, readFileSync(other.keyFile));
    await until(() => context.logged().some((line) => line.includes('was replaced')));
    expect(await name()).toBe('new.example');
  });

  it('says who has its port, and which flag or variable moves it', async () => {
    const {port} = await start();
    const listen = {hosts: ['127.0.0.1'], tcp: true};
    for (const workers of [1, 2]) {
      for (const [name, ports] of [
        ['port', {port}],
        ['alternate-port', {port: 0, alternatePort: port}],
        ['tls-port', {port: 0, tls: {...writeCertificate(temporaryFolder()), port}}],
      ] as const) {
        const second = new TurnService(optionsOf({listen: {...listen, ...ports}, workers}));
        closers.push(() => second.stop());
        const variable = `QUIVER_TURN_${name.toUpperCase().replace('-', '_')}`;
        await expect(second.start(await serviceContext())).rejects.toMatchObject({
          code: 'PORT_IN_USE',
          message: expect.stringContaining(`port ${port} on 127.0.0.1 is taken by`) as string,
          fix: expect.stringMatching(
            ` --${name} \\d.* --${name} 0 \\(with \`quiver run\`: ${variable}=0\\)$`,
          ) as string,
        });
      }
    }
  });

  it.each([
    ['HOST_NOT_HERE', {listen: {hosts: ['192.0.2.1'], port: 0, tcp: true}}],
    ['BAD_HOST', {listen: {hosts: ['turn.example'], port: 0, tcp: true}}],
    ['RELAY_ADDRESS', {relay: {addresses: [{address: '192.0.2.1'}], ports: [33_000, 35_000]}}],
    ['RELAY_ADDRESS', {relay: {addresses: [{address: '0.0.0.0'}], ports: [33_000, 35_000]}}],
    ['BAD_RELAY_PORTS', {relay: {addresses: [{address: '127.0.0.1'}], ports: [35_000, 33_000]}}],
    [
      'FILE_MISSING',
      {listen: {hosts: ['127.0.0.1'], port: 0, tcp: true, tls: {port: 0, certFile: '/no', keyFile: '/no'}}},
    ],
  ] as const)('fails with %s before anything is open', async (code, options) => {
    const before = openSockets().length;
    const service = new TurnService(optionsOf(options));
    await expect(service.start(await serviceContext())).rejects.toMatchObject({code});
    await service.stop();
    expect(openSockets().length).toBe(before);
  });
});
