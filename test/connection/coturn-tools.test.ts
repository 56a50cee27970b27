import {type ChildProcess, execFile, spawn, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {writeCertificate} from '../support/lab/certificate.ts';
import {freePorts} from '../support/lab/free-ports.ts';
import {DEEP, lacking} from '../support/lab/requires.ts';
import {TurnServer, UNLIMITED} from '../support/lab/turn-server.ts';

const without = lacking('turnutils_uclient', 'turnutils_stunclient', 'turnutils_natdiscovery', 'turnutils_peer');
const SECRET = 'a secret of the lab';
const MESSAGES = 10;
const CLIENTS = 2;
/** Every remainder of 4, where padding differs. */
const SIZES = [97, 98, 99, 100, 101, 102, 103];

/**
 * uclient's own options. Up to 4.6 it binds channels up to 0x7FFF, which RFC 8656 has given to others, so what is run
 * with it sends by indications (-s); newer ones are told by an option they have, and use channels too.
 */
const MODES: [name: string, options: string][] = [
  ['UDP', '-s -c'],
  ['UDP, with a second port for RTCP by EVEN-PORT and its reservation', '-s'],
  ['UDP, from client to client', '-s -y -c'],
  ['UDP, from client to client with RTCP', '-s -y'],
  ['UDP, a relayed IPv6 address', '-s -c -x -e ::1'],
  ['TCP, with RTCP', '-t -s'],
  ['TCP, from client to client', '-t -s -y -c'],
  ['TLS', '-t -S -s -c'],
  ['TLS, from client to client', '-t -S -s -y -c'],
  ...SIZES.map((size): [string, string] => [`TCP, messages of ${size} bytes`, `-t -s -c -l ${size}`]),
  ...SIZES.map((size): [string, string] => [`UDP, messages of ${size} bytes`, `-s -c -l ${size}`]),
];
const CHANNEL_MODES: [name: string, options: string][] = [
  ['UDP, channels', '-c'],
  ['UDP, channels and RTCP', ''],
  ['UDP, channels without EVEN-PORT', '-c --no-even-port'],
  ['TCP, channels', '-t -c'],
  ['TLS, channels from client to client', '-t -S -y -c'],
];
const usage = spawnSync('turnutils_uclient', ['-h'], {encoding: 'utf8'});
const modes = `${usage.stdout}${usage.stderr}`.includes('--no-even-port') ? [...MODES, ...CHANNEL_MODES] : MODES;

describe.skipIf(without)(`coturn's own tools against our server ${without ?? ''}`, () => {
  let folder: string;
  let server: TurnServer;
  let peer: ChildProcess;
  let stun: TurnServer;
  let peerPort = 0;
  const runs = new Map<string, Promise<object>>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qv-tools-'));
    const [port = 0, tlsPort = 0, stunPort = 0, alternatePort = 0, free = 0] = await freePorts(5);
    peerPort = free;
    peer = spawn('turnutils_peer', ['-L', '127.0.0.1', '-L', '::1', '-p', String(peerPort)], {stdio: 'ignore'});
    server = await TurnServer.start({
      addresses: ['127.0.0.1', '::1'],
      port,
      tls: {port: tlsPort, ...writeCertificate(folder)},
      secret: SECRET,
      users: {alice: 'a password'},
      allow: ['127.0.0.0/8', '::1/128'],
      limits: UNLIMITED,
    });
    stun = await TurnServer.start({
      service: 'stun',
      addresses: ['127.0.0.1', '127.0.0.2'],
      port: stunPort,
      alternatePort,
      secret: '',
    });
    // Each takes seconds, most of which it waits.
    runs.set('-W', uclient('-s -c', ['-u', 'did:peers:alice', '-W', SECRET]));
    for (const [, options] of modes) runs.set(options, uclient(options));
  });
  afterAll(async () => {
    await stun?.kill();
    peer?.kill();
    await server?.kill();
    rmSync(folder, {recursive: true, force: true});
  });

  /** What uclient says of its messages. */
  async function uclient(options: string, login = ['-u', 'alice', '-w', 'a password']): Promise<object> {
    const {port, tls} = server.options;
    const to = options.includes('-S') ? tls!.port : port;
    const peerAddress = options.includes('-e ') ? [] : ['-e', '127.0.0.1'];
    const common = ['-n', MESSAGES, '-m', CLIENTS, '-p', to, '-r', peerPort].map(String);
    const args = [...options.split(' ').filter(Boolean), ...peerAddress, ...common, ...login, '127.0.0.1'];
    const output = await run('turnutils_uclient', args);
    const [, sent, received] = /tot_send_msgs=(\d+), tot_recv_msgs=(\d+)(?![\s\S]*tot_send_msgs)/.exec(output) ?? [];
    const [, lost] = /Total lost packets (\d+)/.exec(output) ?? [];
    if (sent === undefined) return {output};
    return {all: Number(sent) >= MESSAGES * CLIENTS && sent === received, lost: Number(lost)};
  }

  it.each(modes)('uclient: %s (%s)', async (_name, options) => {
    expect(await runs.get(options)).toEqual({all: true, lost: 0});
  });

  it('uclient: a time-limited credential made of the secret (-W)', async () => {
    expect(await runs.get('-W')).toEqual({all: true, lost: 0});
  });

  it('uclient: a wrong secret (-W) is refused', async () => {
    const refused = {output: expect.stringContaining('Cannot complete Allocation') as string};
    expect(await uclient('-s -c', ['-u', 'alice', '-W', 'another secret'])).toEqual(refused);
  });

  it.skipIf(!DEEP)('uclient: 1,000 allocations at once and nothing lost', {timeout: 300_000}, async () => {
    expect(await uclient('-s -y -c -m 1000 -z 200')).toEqual({all: true, lost: 0});
  });

  it('stunclient is told its own address', async () => {
    const output = await run('turnutils_stunclient', ['-p', String(server.options.port), '127.0.0.1']);
    expect(output).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
  });

  it('natdiscovery finds by RFC 5780 that there is no NAT here', async () => {
    const output = await run('turnutils_natdiscovery', ['-m', '-f', '-p', String(stun.options.port), '127.0.0.1']);
    expect(output).toContain('Endpoint Independent Mapping');
    expect(output).toContain('Endpoint Independent Filtering');
  });
});

async function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, args, {timeout: 280_000}, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}
