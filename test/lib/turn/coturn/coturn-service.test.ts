import {execFileSync, spawn} from 'node:child_process';
import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

import {connect as connectTls} from 'node:tls';

import {afterEach, describe, expect, it, vi} from 'vitest';

import {parseIp} from '../../../../src/lib/core/ip-address.ts';
import {createLogger} from '../../../../src/lib/observability/logger.ts';
import {createHost, type Host} from '../../../../src/lib/service/host.ts';
import type {TurnCredentials} from '../../../../src/lib/stun/turn-dialog.ts';
import {writeAddressFamily, writeRequestedTransport, TRANSPORT_UDP} from '../../../../src/lib/stun/attributes.ts';
import {parseIceUrl} from '../../../../src/lib/stun/ice-server.ts';
import {readErrorCode} from '../../../../src/lib/stun/error-code.ts';
import {longTermKey} from '../../../../src/lib/stun/integrity.ts';
import {MessageBuilder} from '../../../../src/lib/stun/message-builder.ts';
import {decodeMessage, type StunMessage} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {writeXorAddress} from '../../../../src/lib/stun/xor-address.ts';
import {issueCredential} from '../../../../src/lib/turn/core/credentials.ts';
import {readSamples} from '../../../../src/lib/turn/coturn/coturn-metrics.ts';
import type {CoturnOptions} from '../../../../src/lib/turn/coturn/coturn-options.ts';
import {CoturnService} from '../../../../src/lib/turn/coturn/coturn-service.ts';
import {freePort} from '../../../../src/lib/turn/coturn/free-port.ts';
import {ClientConnection} from '../io/client-connection.ts';
import {checkAllocate} from '../../../../src/lib/turn/io/self-check.ts';
import {writeCertificate} from '../../../support/lab/certificate.ts';
import {lacking} from '../../../support/lab/requires.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

const SECRET = 'correct-horse-battery-staple';
const CURRENT = 'another-secret-of-the-operator';
const TIMEOUT_MS = 20_000;
const missing = lacking('turnserver');
/** Another build than that of the system, to try all of this with. */
const program = process.env['QUIVER_TEST_COTURN'];

const hosts: Host[] = [];
/** Each test has its own, since a coturn that was killed leaves its ports open for a moment. */
let firstRelayPort = 42_000;

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

interface Started {
  service: CoturnService;
  host: Host;
  folder: string;
  port: number;
  lines: string[];
}

async function start(options: Partial<CoturnOptions> = {}, graceMs = 100): Promise<Started> {
  const folder = join(temporaryFolder(), 'coturn');
  mkdirSync(join(folder, '99999999'), {recursive: true});
  const lines: string[] = [];
  const log = await createLogger({level: 'debug', destination: {write: (line) => lines.push(line)}});
  firstRelayPort += 200;
  const service = new CoturnService({
    folder,
    ...(program !== undefined && {program}),
    force: true,
    listen: {hosts: ['127.0.0.1'], port: 0, tcp: true},
    relay: {addresses: [{address: '127.0.0.1'}], ports: [firstRelayPort, firstRelayPort + 99]},
    realm: 'turn.example',
    secrets: [CURRENT, SECRET],
    users: new Map(),
    peers: {allow: [], deny: []},
    ...options,
  });
  const host = createHost({
    services: [service],
    log,
    profile: 'local',
    version: '0',
    graceMs,
    admin: {host: '127.0.0.1', port: 0},
  });
  hosts.push(host);
  await host.start();
  const port = Number(/:(\d+)\?/.exec(service.info().addresses[0] ?? '')?.[1]);
  return {service, host, folder: join(folder, String(process.pid)), port, lines};
}

function login(secret: string): TurnCredentials {
  return issueCredential({user: 'did:peers:alice', secret, nowMs: Date.now()});
}

function pidOf({folder}: Started): number {
  return Number(readFileSync(join(folder, 'turnserver.pid'), 'utf8'));
}

function isAlive(pid: number): boolean {
  try {
    // A zombie has no command line.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}

async function fingerprint(port: number): Promise<string> {
  const socket = connectTls({host: '127.0.0.1', port, rejectUnauthorized: false});
  await once(socket, 'secureConnect');
  const {fingerprint256} = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

/** An allocation of one family, and a way to ask for permissions in it. */
async function allocation(port: number, family: 4 | 6, signal: AbortSignal) {
  const connection = await ClientConnection.open({transport: 'udp', host: '127.0.0.1', port, signal});
  const {username, credential} = login(CURRENT);
  const request = (): MessageBuilder =>
    new MessageBuilder(METHOD.allocate, CLASS.request)
      .add(ATTRIBUTE.requestedTransport, writeRequestedTransport(TRANSPORT_UDP))
      .add(ATTRIBUTE.requestedAddressFamily, writeAddressFamily(family));
  const challenge = await connection.request(request().build());
  const realm = challenge.attribute(ATTRIBUTE.realm)!;
  const nonce = challenge.attribute(ATTRIBUTE.nonce)!;
  const key = longTermKey(username, Buffer.from(realm).toString(), credential, 'md5');
  const ask = (message: MessageBuilder): Promise<StunMessage> =>
    connection.request(
      message
        .add(ATTRIBUTE.username, username)
        .add(ATTRIBUTE.realm, realm)
        .add(ATTRIBUTE.nonce, nonce)
        .integrity(key, 'sha1')
        .build(),
    );
  const made = await ask(request());
  return {
    made: made.class === CLASS.success,
    /** What comes back for a datagram to a peer on this machine. */
    async relay(peerPort: number, text: string): Promise<string> {
      const {promise, resolve} = Promise.withResolvers<string>();
      connection.onOther = (bytes) => {
        // An answer that was asked for twice comes twice.
        const data = decodeMessage(bytes)?.attribute(ATTRIBUTE.data);
        if (data !== undefined) resolve(Buffer.from(data).toString());
      };
      const id = Buffer.from(crypto.getRandomValues(new Uint8Array(12)));
      const peer = writeXorAddress({bytes: Uint8Array.of(127, 0, 0, 1), port: peerPort}, id);
      const indication = new MessageBuilder(METHOD.send, CLASS.indication, id).add(ATTRIBUTE.xorPeerAddress, peer);
      connection.send(indication.add(ATTRIBUTE.data, text).build());
      return promise;
    },
    /** 0 for a permission, else the error. */
    async permit(peer: string): Promise<number> {
      const id = Buffer.from(crypto.getRandomValues(new Uint8Array(12)));
      const address = writeXorAddress({bytes: parseIp(peer)!.bytes, port: 9}, id);
      const answer = await ask(
        new MessageBuilder(METHOD.createPermission, CLASS.request, id).add(ATTRIBUTE.xorPeerAddress, address),
      );
      if (answer.class === CLASS.success) return 0;
      return readErrorCode(answer.attribute(ATTRIBUTE.errorCode)!)!.code;
    },
    close: () => connection.close(),
  };
}

describe.skipIf(missing !== undefined)(`coturn as the engine (${missing ?? 'real'})`, {timeout: TIMEOUT_MS}, () => {
  it('relays, says so, and leaves nothing behind', async () => {
    const started = await start();
    const {service, host, folder, port} = started;
    expect(service.info()).toMatchObject({
      kind: 'network.turn',
      status: 'ready',
      addresses: [`turn:127.0.0.1:${port}?transport=udp`, `turn:127.0.0.1:${port}?transport=tcp`],
      publicAddresses: service.info().addresses,
      metadata: {engine: 'coturn', realm: 'turn.example', restarts: 0},
    });
    expect(await service.health(AbortSignal.timeout(3_000))).toMatchObject({ok: true, checks: [{detail: 'works'}]});
    for (const transport of ['udp', 'tcp'] as const) {
      const at = {transport, address: '127.0.0.1', port};
      expect(await checkAllocate(at, 4, login(CURRENT), AbortSignal.timeout(3_000))).toBe('works');
      expect(await checkAllocate(at, 4, login(SECRET), AbortSignal.timeout(3_000))).toBe('works');
      await expect(
        checkAllocate(at, 4, login('a-secret-of-somebody-else'), AbortSignal.timeout(3_000)),
      ).rejects.toMatchObject({code: 'TURN_REFUSED'});
    }
    const pid = pidOf(started);
    expect(isAlive(pid)).toBe(true);
    await host.stop();
    expect(isAlive(pid)).toBe(false);
    expect(readdirSync(dirname(folder))).toEqual([]);
  });

  it('keeps its secrets in a file that only we can read', async () => {
    const started = await start();
    const {folder, lines, service} = started;
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'turnserver.conf')).mode & 0o777).toBe(0o600);
    const pid = pidOf(started);
    const outside = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'utf8'));
    const shell = execFileSync('ps', ['-o', 'args=', '--ppid', String(process.pid)], {encoding: 'utf8'});
    for (const secret of [SECRET, CURRENT]) {
      expect([...outside, shell, ...lines, JSON.stringify(service.info())].join('\n')).not.toContain(secret);
    }
    expect(outside[0]).toContain('turnserver.conf');
  });

  it('is started again when it is killed', async () => {
    const started = await start();
    const first = pidOf(started);
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(started.service.info().status).toBe('degraded'), {timeout: 2_000, interval: 10});
    expect((await started.service.health(AbortSignal.timeout(500))).ok).toBe(false);
    await vi.waitFor(() => expect(started.service.info().status).toBe('ready'), {timeout: 10_000, interval: 50});
    expect(pidOf(started)).not.toBe(first);
    expect((await started.service.health(AbortSignal.timeout(3_000))).ok).toBe(true);
    const text = await (await fetch(`${started.host.info().admin}/metrics`)).text();
    expect(readSamples(text).get('quiver_stun_worker_restarts_total')).toBe(1);
    expect(readSamples(text).get('quiver_stun_workers')).toBe(1);
    expect(started.lines.join('')).toContain('coturn is gone: it ended with status 137');
  });

  it('is started again when the shell around it is killed', async () => {
    const started = await start();
    const first = pidOf(started);
    const parent = Number(readFileSync(`/proc/${first}/stat`, 'utf8').split(') ')[1]!.split(' ')[1]);
    expect(parent).not.toBe(process.pid);
    process.kill(parent, 'SIGKILL');
    await vi.waitFor(() => expect(isAlive(first)).toBe(false), {timeout: 2_000, interval: 10});
    await vi.waitFor(() => expect(started.service.info().status).toBe('ready'), {timeout: 10_000, interval: 50});
    expect(pidOf(started)).not.toBe(first);
  });

  it('dies with the process that started it', async () => {
    const folder = temporaryFolder();
    const source = join(import.meta.dirname, '..', '..', '..', '..', 'src', 'lib', 'turn', 'coturn', 'coturn-child.ts');
    writeFileSync(
      join(folder, 'turnserver.conf'),
      `listening-ip=127.0.0.1\nlistening-port=${await freePort('127.0.0.1')}\nno-tls\nlog-file=stdout\npidfile=${folder}/pid\nuserdb=${folder}/db\n`,
    );
    const script = `
      const {CoturnChild} = await import(${JSON.stringify(source)});
      const child = await CoturnChild.start(${JSON.stringify(program ?? 'turnserver')}, ${JSON.stringify(join(folder, 'turnserver.conf'))}, () => {});
      console.log(child.pid);
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [text] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('turnserver'), {
      timeout: 3_000,
    });
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), {timeout: 3_000, interval: 20});
  });

  it('lets clients reach no address that has a special purpose, in no spelling', async () => {
    const {port} = await start({peers: {allow: ['10.9.0.0/16'], deny: ['8.8.8.0/24']}});
    const four = await allocation(port, 4, AbortSignal.timeout(15_000));
    expect(four.made).toBe(true);
    const refused = [
      '0.0.0.0',
      '10.0.0.0',
      '10.255.255.255',
      '100.64.0.1',
      '127.0.0.1',
      '127.255.255.255',
      '169.254.169.254',
      '172.16.0.0',
      '172.31.255.255',
      '192.0.0.1',
      '192.0.2.1',
      '192.88.99.1',
      '192.168.0.0',
      '192.168.255.255',
      '198.18.0.0',
      '198.19.255.255',
      '198.51.100.1',
      '203.0.113.255',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
      '8.8.8.8',
      '8.8.8.255',
    ];
    for (const peer of refused) expect([peer, await four.permit(peer)]).toEqual([peer, 403]);
    for (const peer of ['8.8.9.0', '1.1.1.1', '10.9.0.1', '9.255.255.255', '11.0.0.0', '223.255.255.255']) {
      expect([peer, await four.permit(peer)]).toEqual([peer, 0]);
    }
    four.close();
  });

  it.skipIf(!existsSync('/proc/net/if_inet6'))('nor by IPv6, nor by IPv4 inside of it', async () => {
    const {port} = await start({
      relay: {
        addresses: [{address: '127.0.0.1'}, {address: '::1'}],
        ports: [firstRelayPort + 100, firstRelayPort + 199],
      },
    });
    const six = await allocation(port, 6, AbortSignal.timeout(15_000));
    expect(six.made).toBe(true);
    const refused = [
      '::1',
      '::',
      '::2',
      '::ffff:127.0.0.1',
      '::ffff:10.0.0.0',
      '::ffff:169.254.169.254',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '::10.0.0.0',
      '64:ff9b::7f00:1',
      '64:ff9b::a00:0',
      '64:ff9b:1::7f00:1',
      '100::1',
      '2001::1',
      '2001:0:1::80ff:fffe',
      '2001:db8::1',
      '2002:7f00:1::1',
      '2002:a00:1::',
      '3fff::1',
      '5f00::1',
      'fc00::1',
      'fdff::1',
      'fe80::1',
      'fec0::1',
      'ff02::1',
    ];
    for (const peer of refused) expect([peer, await six.permit(peer)]).toEqual([peer, 403]);
    for (const peer of ['2606:4700::1111', '2a00::', '2003::1', '2001:200::1']) {
      expect([peer, await six.permit(peer)]).toEqual([peer, 0]);
    }
    six.close();
  });

  it('relays to loopback where the operator allows it', async () => {
    const {port} = await start({peers: {allow: ['127.0.0.1'], deny: []}});
    const echo = createSocket('udp4').bind(0, '127.0.0.1');
    await once(echo, 'listening');
    echo.on('message', (bytes, from) => echo.send(`echo of ${bytes.toString()}`, from.port, from.address));
    const call = await allocation(port, 4, AbortSignal.timeout(5_000));
    expect([await call.permit('127.0.0.1'), await call.permit('127.0.0.2')]).toEqual([0, 403]);
    expect(await call.relay(echo.address().port, 'hello')).toBe('echo of hello');
    call.close();
    echo.close();
  });

  it('knows static users instead of a secret', async () => {
    const {port} = await start({secrets: [], users: new Map([['alice', 'password-of-alice']])});
    const at = {transport: 'udp', address: '127.0.0.1', port} as const;
    const signal = AbortSignal.timeout(5_000);
    expect(await checkAllocate(at, 4, {username: 'alice', credential: 'password-of-alice'}, signal)).toBe('works');
    await expect(checkAllocate(at, 4, {username: 'alice', credential: 'alice'}, signal)).rejects.toMatchObject({
      code: 'TURN_REFUSED',
    });
    await expect(checkAllocate(at, 4, {username: 'constructor', credential: 'x'}, signal)).rejects.toMatchObject({
      code: 'TURN_REFUSED',
    });
  });

  it('serves TLS', async () => {
    const folder = temporaryFolder();
    const {certFile, keyFile} = writeCertificate(folder);
    const {service} = await start({
      listen: {hosts: ['127.0.0.1'], port: 0, tcp: false, tls: {port: 0, certFile, keyFile}},
      certificatePollMs: 100,
    });
    const url = parseIceUrl(service.info().addresses[1]!)!;
    expect(url).toMatchObject({scheme: 'turns', host: '127.0.0.1', transport: 'tcp'});
    const at = {transport: 'tls', address: '127.0.0.1', port: url.port} as const;
    expect(await checkAllocate(at, 4, login(CURRENT), AbortSignal.timeout(5_000))).toBe('works');

    const before = await fingerprint(url.port);
    writeCertificate(folder);
    await vi.waitFor(async () => expect(await fingerprint(url.port)).not.toBe(before), {timeout: 3_000, interval: 100});
  });

  it('waits for a call when it drains, as long as it may', async () => {
    const {host, port, service} = await start({}, 1_000);
    const call = await allocation(port, 4, AbortSignal.timeout(5_000));
    const text = await (await fetch(`${host.info().admin}/metrics`)).text();
    expect(readSamples(text).get('quiver_turn_allocations')).toBeGreaterThan(0);
    const since = performance.now();
    const stopped = host.stop();
    await vi.waitFor(() => expect(service.info().status).toBe('draining'), {interval: 10});
    await stopped;
    expect(performance.now() - since).toBeGreaterThan(900);
    call.close();
  });

  it('says who has its port', async () => {
    const holder = createSocket('udp4').bind(0, '127.0.0.1');
    await once(holder, 'listening');
    const {port} = holder.address();
    await expect(start({listen: {hosts: ['127.0.0.1'], port, tcp: true}})).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`UDP port ${port} on 127.0.0.1 is taken by`) as string,
    });
    holder.close();
  });

  it('says which address this machine does not have', async () => {
    const relay = {addresses: [{address: '192.0.2.99'}], ports: [42_000, 42_010]} as const;
    await expect(start({relay})).rejects.toMatchObject({
      code: 'RELAY_ADDRESS',
      message: expect.stringContaining('192.0.2.99') as string,
    });
  });

  it('says why it does not start, and leaves nothing behind', async () => {
    const folder = join(temporaryFolder(), 'coturn');
    const broken = join(temporaryFolder(), 'turnserver');
    writeFileSync(
      broken,
      '#!/bin/sh\n[ "$1" = --version ] && echo 4.17.1 && exit\n[ "$1" = -h ] || { echo "0: : ERROR: no luck"; exit 7; }\n',
    );
    chmodSync(broken, 0o755);
    await expect(start({folder, program: broken})).rejects.toMatchObject({
      code: 'COTURN_START',
      message: expect.stringMatching(/status 7; it says: no luck/) as string,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('does not run an old one unless forced', async () => {
    await expect(start({program: 'turnserver', force: false})).rejects.toMatchObject({code: 'COTURN_VULNERABLE'});
  });
});
