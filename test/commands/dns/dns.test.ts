import {chmod, mkdir, readFile, stat, writeFile} from 'node:fs/promises';
import {once} from 'node:events';
import {connect, createServer, type AddressInfo} from 'node:net';
import path from 'node:path';

import {afterAll, beforeAll, beforeEach, describe, expect, it} from 'vitest';

import {EXIT} from '../../../src/lib/core/errors.ts';
import {bindIsThere, startBind, type Bind} from '../../support/dns/bind.ts';
import {peerId} from '../../support/dns/topologies.ts';
import {type RunResult, runQuiver, spawnQuiver, temporaryHome} from '../../support/quiver.ts';
import {Terminal} from '../../support/terminal.ts';

const NETWORK = ['--zone', 'quiver.example', '--host', '203.0.113.10'];
const SOA =
  '$ORIGIN quiver.example.\n@ 3600 IN SOA ns1 hostmaster 7 7200 3600 1209600 300\n@ 3600 IN NS ns1\nns1 300 IN A 9.9.9.9\n';
const TOKEN = 'canary-token-41d7';
const SECRET = Buffer.from('canary-tsig-secret-90ab-90ab').toString('base64');

let place: Awaited<ReturnType<typeof temporaryHome>>;
const said: string[] = [];

beforeEach(async () => {
  place = await temporaryHome();
  return () => place[Symbol.asyncDispose]();
});

async function dns(...args: string[]): Promise<RunResult> {
  const result = await runQuiver(['dns', ...args], {env: place.env, cwd: place.home});
  said.push(result.stdout, result.stderr);
  return result;
}

async function json<T>(code: number, ...args: string[]): Promise<T> {
  const result = await dns(...args, '--json');
  expect({code: result.code, stderr: result.stderr}).toEqual({code, stderr: ''});
  return JSON.parse(result.stdout) as T;
}

const file = (name: string): string => path.join(place.home, name);

interface PlanShape {
  checksum: string;
  changes: object[];
  conflicts: {before: {name: string; type: string}}[];
}

describe('dns export', () => {
  it('prints the zone and nothing else, the same each time', async () => {
    const {code, stdout, stderr} = await dns('export', ...NETWORK);
    expect({code, stderr}).toEqual({code: EXIT.done, stderr: ''});
    expect(stdout).toMatch(/^; quiver\.example, single layout\./);
    expect((await dns('export', ...NETWORK)).stdout).toBe(stdout);
    expect(await json(EXIT.done, 'export', ...NETWORK)).toEqual({zone: 'quiver.example', format: 'bind', text: stdout});
  });

  it('leaves a file alone that would not change, and gives a changed one a higher serial', async () => {
    const write = () => dns('export', ...NETWORK, '--out', 'zone');
    expect(await write()).toMatchObject({code: EXIT.done, stdout: '', stderr: `Wrote ${file('zone')}\n`});
    const before = await readFile(file('zone'), 'utf8');
    const {mtimeMs} = await stat(file('zone'));
    await write();
    expect((await stat(file('zone'))).mtimeMs).toBe(mtimeMs);
    await dns('export', ...NETWORK.slice(0, 3), '203.0.113.11', '--out', 'zone');
    const serial = (text: string): number => Number(/SOA\s+\S+ \S+ (\d+)/.exec(text)?.[1]);
    expect(serial(await readFile(file('zone'), 'utf8'))).toBe(serial(before) + 1);
  });

  it('publishes what the settings say is served, on its ports', async () => {
    const settings = {
      turn: 'tcp: false',
      stun: 'tls_port: 5350\n  port: 3479',
      bootstrap: 'port: 5001\n  ws_port: off',
      relay: 'port: 0\n  quic_port: 6001\n  ws_port: 6002',
    };
    const yaml = Object.entries(settings).map(([section, lines]) => `${section}:\n  ${lines}\n`);
    await writeFile(file('quiver.yaml'), yaml.join(''));
    const ids = ['--peer-id', `bootstrap1=${peerId(1)}`, '--peer-id', `relay1=${peerId(2)}`];
    const {stdout} = await dns('export', ...NETWORK, ...ids);
    const found = (pattern: RegExp): string[] => [...stdout.matchAll(pattern)].map(([, text = '']) => text);
    expect(found(/SRV +0 0 (\d+ \w+)/g).toSorted()).toEqual([
      '3478 turn',
      '3479 stun',
      '3479 stun',
      '5349 turn',
      '5350 stun',
    ]);
    expect(found(/"RELAY:turn\.(\w+)"/g)).toEqual(['udp', 'tls']);
    expect(found(/(\/(?:tc|ud)p\/\S+)\/p2p/g).toSorted()).toEqual([
      '/tcp/5001',
      '/tcp/6002/ws',
      '/udp/5001/quic-v1',
      '/udp/6001/quic-v1',
    ]);
  });

  it.each([
    [['export'], '--zone quiver.example'],
    [['export', '--zone', 'quiver.example'], '--host 203.0.113.10'],
    [['export', '--zone', 'quiver.example', '--layout', 'distributed'], '--host gateway=203.0.113.10'],
    [['export', '--zone', 'quiver.example', '--host', '203.0.113.300'], 'hosts: "203.0.113.300"'],
    [['export', '--zone', 'quiver.example', '--host', '0.0.0.0'], 'nobody reaches a host by 0.0.0.0'],
    [['export', '--zone', 'quiver.example', '--host', '::ffff:203.0.113.1'], 'hosts: nobody reaches'],
    [['export', ...NETWORK, '--format', 'profile'], '--profile my-net'],
    [['plan', ...NETWORK], '--provider cloudflare|rfc2136|file'],
    [['plan', ...NETWORK, '--provider', 'cloudflare'], 'CLOUDFLARE_API_TOKEN'],
    [['plan', ...NETWORK, '--provider', 'rfc2136'], 'dns.server'],
    [['plan', ...NETWORK, '--provider', 'rfc2136', '--server', 'a:b:c'], 'QUIVER_DNS_TSIG_KEY'],
    [['plan', ...NETWORK, '--provider', 'file'], 'dns.zone_file'],
    [['plan', ...NETWORK, '--provider', 'file', '--zone-file', 'no-such-file'], 'no-such-file'],
    [['check', ...NETWORK, '--resolver', 'a:b'], '--resolver: "a:b"'],
  ])('%j is wrong usage, and names what', async (args, words) => {
    const {code, stderr, stdout} = await dns(...args);
    expect({code, stdout}).toEqual({code: EXIT.usage, stdout: ''});
    expect(stderr.toLowerCase()).toContain(words.toLowerCase());
  });

  it('asks for the zone and the address on a terminal, again where the answer is none', async () => {
    const terminal = new Terminal(['dns', 'export'], {env: place.env, cwd: place.home});
    await terminal.answer('Domain that the network', 'quiver.example');
    await terminal.answer('Address of the host of quiver.example', '203.0.113.10,2001:db8::10');
    expect(await terminal.end()).toBe(EXIT.done);
    expect(terminal.shown).toContain('2001:db8::10');
  });
});

describe('dns import', () => {
  it('prints settings that export the same zone, and says what is wrong on stderr', async () => {
    await dns('export', ...NETWORK, '--peer-id', `bootstrap1=${peerId(1)}`, '--out', 'zone', '--serial', '7');
    const zone = await readFile(file('zone'), 'utf8');
    await writeFile(
      file('more'),
      `${zone}www 300 IN CNAME nowhere\nbroken 300 IN A 1\n@ 60 IN MX 10 mail.other.example.\n`,
    );
    const {code, stdout, stderr} = await dns('import', 'more');
    expect(code).toBe(EXIT.done);
    expect(stderr).toContain('(dangling-target)');
    expect(stderr).toMatch(/line \d+: not read/);
    expect(stderr).toContain('kept under dns.records: quiver.example MX');
    await writeFile(file('quiver.yaml'), stdout);
    const again = await dns('export', '--serial', '7');
    expect(again.stdout).toMatch(/IN MX +10 mail\.other\.example\./);
    const own = zone.split('\n').filter((line) => / IN (?:SRV|NAPTR|CAA|CNAME) /.test(line));
    for (const line of own.map((each) => each.replace(/^\S+/, '').trim())) expect(again.stdout).toContain(line);
    const shape = await json<Record<string, object[]>>(EXIT.done, 'import', 'more');
    expect(Object.keys(shape)).toEqual(['dns', 'kept', 'added', 'changed', 'problems', 'findings']);
    expect(shape['findings']).toContainEqual(
      expect.objectContaining({rule: 'dangling-target', name: 'www.quiver.example'}),
    );
  });

  it('keeps what it can not read as a comment, and shows nothing of it that a terminal would obey', async () => {
    const lines = [
      '$GENERATE 1-9 host$ A 9.0.0.$',
      '$INCLUDE zone',
      'x IN A \u001B[2Jevil',
      'y IN A (',
      '  # 1',
      '- z',
    ];
    await writeFile(file('zone'), `$ORIGIN quiver.example.\r\nwww 300 IN A 9.0.0.1\r\n${lines.join('\r\n')}`);
    const {code, stdout, stderr} = await dns('import', 'zone');
    expect(code).toBe(EXIT.done);
    expect(stderr).toContain('line 3: not read, $GENERATE is not followed');
    expect(stderr + stdout).not.toContain('\u001B');
    for (const line of lines.slice(0, 2)) expect(stdout).toContain(`\n# ${line}\n`);
    await writeFile(file('quiver.yaml'), stdout);
    expect((await dns('export', '--name-server', 'ns1.other.example')).stdout).toContain('9.0.0.1');
  });

  it('takes the zone that the file names for the zone, whatever the settings are about', async () => {
    await writeFile(file('zone'), '$ORIGIN other.example.\nwww 300 IN A 9.0.0.1\n');
    await writeFile(file('bare'), 'www 300 IN A 9.0.0.1\n');
    place.env['QUIVER_DNS_ZONE'] = 'quiver.example';
    expect((await dns('import', 'zone')).stdout).toMatch(/zone: other\.example[^]* - www\.other\.example\. /);
    expect((await dns('import', 'bare')).stdout).toMatch(/zone: quiver\.example[^]* - www\.quiver\.example\. /);
    expect((await dns('import', 'zone', '--zone', 'example')).stderr).toContain('zone: "example"');
    expect((await dns('import', 'zone', '--zone', 'up.example')).stdout).toContain('- www.other.example. ');
  });

  it('keeps as many records as an export can take again', async () => {
    const many = Array.from({length: 30_000}, (_, index) => `h${index} 300 IN A 9.9.${index >> 8}.${index & 255}`);
    await writeFile(file('zone'), ['$ORIGIN quiver.example.', ...many].join('\n'));
    const {stdout, stderr} = await dns('import', 'zone');
    expect(stderr.split('\n').length).toBeLessThan(250);
    await writeFile(file('quiver.yaml'), stdout);
    const exported = await dns('export', '--name-server', 'ns1.other.example');
    expect(exported.stdout.match(/ IN A /g)).toHaveLength(30_000);
  });

  it('refuses what is no zone file at all', async () => {
    await writeFile(file('zone'), 'x\n'.repeat(20_000));
    for (const args of [[], ['--zone', 'quiver.example']]) {
      expect(await dns('import', 'zone', ...args)).toMatchObject({
        code: EXIT.usage,
        stderr: expect.stringContaining('zone is no zone file') as string,
        stdout: '',
      });
    }
  });

  it('reads no more than a zone can have, from a file that never ends as well', async () => {
    expect(await dns('import', '/dev/zero')).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining('16 MiB') as string,
    });
    expect(await dns('plan', ...NETWORK, '--provider', 'file', '--zone-file', '/dev/zero')).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining('16 MiB') as string,
    });
  });

  it('reads stdin, and needs to be told which zone where nothing says so', async () => {
    const from = (input: string, ...args: string[]) =>
      runQuiver(['dns', 'import', '-', ...args], {env: place.env, cwd: place.home, input});
    expect(await from('www 300 IN A 9.0.0.1\n')).toMatchObject({code: EXIT.usage});
    expect(await from('www 300 IN A 9.0.0.1\n', '--zone', 'quiver.example')).toMatchObject({
      code: EXIT.done,
      stdout: expect.stringContaining('services: []') as string,
    });
    expect((await from('www 300 IN A 9.0.0.1\n', '--zone', 'Quiver.Example.')).stdout).toContain(
      'zone: quiver.example',
    );
    expect(await dns('import', 'no-such-file')).toMatchObject({code: EXIT.failed});
  });
});

describe('dns plan and apply, on a zone file', () => {
  const PROVIDER = ['--provider', 'file', '--zone-file', 'zone'];

  it('show what is pending with 3, do what was agreed to, and then nothing', async () => {
    await writeFile(file('zone'), SOA);
    const shown = await dns('plan', ...NETWORK, ...PROVIDER);
    expect(shown).toMatchObject({code: EXIT.changesPending, stderr: 'Reading quiver.example at file …\n'});
    const [, checksum = ''] = /apply --plan ([0-9a-f]{12})$/m.exec(shown.stdout) ?? [];
    expect((await json<PlanShape>(EXIT.changesPending, 'plan', ...NETWORK, ...PROVIDER)).checksum).toBe(checksum);
    expect(await readFile(file('zone'), 'utf8')).toBe(SOA);

    expect(await dns('apply', ...NETWORK, ...PROVIDER)).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining('--plan CHECKSUM') as string,
    });
    expect(await dns('apply', ...NETWORK, ...PROVIDER, '--plan', '000000000000')).toMatchObject({code: EXIT.refused});
    expect(await readFile(file('zone'), 'utf8')).toBe(SOA);

    const applied = await dns('apply', ...NETWORK, ...PROVIDER, '--plan', checksum);
    expect(applied).toMatchObject({
      code: EXIT.done,
      stdout: expect.stringMatching(/^Applied \d+ changes to/) as string,
    });
    const after = await readFile(file('zone'), 'utf8');
    expect(after).toContain('203.0.113.10');
    expect(await dns('plan', ...NETWORK, ...PROVIDER)).toMatchObject({
      code: EXIT.done,
      stdout: 'quiver.example at file is as it should be.\n',
    });
    expect(await json(EXIT.done, 'apply', ...NETWORK, ...PROVIDER)).toEqual({
      zone: 'quiver.example',
      provider: 'file',
      applied: 0,
    });
    expect(await readFile(file('zone'), 'utf8')).toBe(after);
  });

  it('stop at what is somebody else’s, and at too many deletions', async () => {
    await writeFile(file('zone'), `${SOA}gw 300 IN A 9.1.1.1\n`);
    const plan = await json<PlanShape>(EXIT.changesPending, 'plan', ...NETWORK, ...PROVIDER);
    expect(plan.conflicts.map(({before}) => before.name)).toEqual(['gw.quiver.example']);
    const text = await dns('plan', ...NETWORK, ...PROVIDER);
    expect(text.stdout).not.toContain('apply --plan');
    expect(await dns('apply', ...NETWORK, ...PROVIDER, '--plan', plan.checksum)).toMatchObject({
      code: EXIT.refused,
      stderr: expect.stringContaining('--adopt') as string,
    });
    const {checksum} = await json<PlanShape>(EXIT.changesPending, 'plan', ...NETWORK, ...PROVIDER, '--adopt');
    expect(await dns('apply', ...NETWORK, ...PROVIDER, '--adopt', '--plan', checksum)).toMatchObject({code: EXIT.done});

    await mkdir(file('few'));
    await writeFile(file('quiver.yaml'), 'dns:\n  services: [gateway]\n');
    const fewer = await json<PlanShape>(EXIT.changesPending, 'plan', ...NETWORK, ...PROVIDER);
    const refused = await dns('apply', ...NETWORK, ...PROVIDER, '--plan', fewer.checksum);
    expect(refused.code).toBe(EXIT.refused);
    const [, count = ''] = /--allow-deletions (\d+)/.exec(refused.stderr) ?? [];
    const allowed = ['--allow-deletions', count];
    expect(await dns('apply', ...NETWORK, ...PROVIDER, '--plan', fewer.checksum, ...allowed)).toMatchObject({
      code: EXIT.done,
    });
    expect(await readFile(file('zone'), 'utf8')).not.toContain('relay1');
  });

  it('ask on a terminal, where "no" changes nothing', async () => {
    await writeFile(file('zone'), SOA);
    const open = () => new Terminal(['dns', 'apply', ...NETWORK, ...PROVIDER], {env: place.env, cwd: place.home});
    const no = open();
    await no.answer('Apply this to quiver.example', '');
    expect(await no.end()).toBe(EXIT.refused);
    expect(no.shown).toContain('+ gateway.quiver.example 300 A 203.0.113.10');
    expect(await readFile(file('zone'), 'utf8')).toBe(SOA);
    const yes = open();
    await yes.answer('Apply this to quiver.example', '\u001B[B');
    expect(await yes.end()).toBe(EXIT.done);
    expect(await readFile(file('zone'), 'utf8')).toContain('203.0.113.10');
  });
});

describe('dns apply, on a server', () => {
  const here = bindIsThere() ? it : it.skip;

  here('goes on behind a kill between two updates, with the checksum that was agreed to', async () => {
    const bind = await startBind('quiver.example', SOA);
    place.env['QUIVER_DNS_TSIG_KEY'] = `${bind.key.name}:${bind.key.secret.toString('base64')}`;
    const wanted = ['--zone', 'quiver.example', '--host', '203.0.113.77', '--provider', 'rfc2136'];
    const server = ['--server', `${bind.host}:${bind.port}`];
    const {checksum} = JSON.parse((await dns('plan', ...wanted, ...server, '--json')).stdout) as PlanShape;
    // Lets the look at the zone and the ownership record through.
    let connections = 0;
    const stalled = Promise.withResolvers<void>();
    const between = createServer((client) => {
      client.on('error', () => {});
      connections += 1;
      if (connections > 2) return stalled.resolve();
      const upstream = connect(bind.port, bind.host).on('error', () => {});
      client.pipe(upstream).pipe(client);
    }).listen(0, '127.0.0.1');
    await once(between, 'listening');
    const {port} = between.address() as AddressInfo;
    const apply = ['apply', ...wanted, '--plan', checksum];
    const dying = spawnQuiver(['dns', ...apply, '--server', `127.0.0.1:${port}`], {env: place.env, cwd: place.home});
    await stalled.promise;
    dying.kill('SIGKILL');
    await once(dying, 'exit');
    between.close();
    const rest = JSON.parse((await dns('plan', ...wanted, ...server, '--json')).stdout) as PlanShape;
    expect(rest.changes.length).toBeGreaterThan(0);
    expect(rest.checksum).not.toBe(checksum);
    expect(await dns(...apply, ...server)).toMatchObject({code: EXIT.done});
    expect(await dns('plan', ...wanted, ...server)).toMatchObject({code: EXIT.done});
    await bind.stop();
  });
});

describe('secrets', () => {
  const here = bindIsThere() ? it : it.skip;
  let bind: Bind;
  beforeAll(async () => {
    if (bindIsThere()) bind = await startBind('quiver.example', SOA);
  });
  afterAll(() => bind?.stop());

  here('of a server are used and never shown, and a wrong one is refused', async () => {
    const secret = bind.key.secret.toString('base64');
    const server = ['--provider', 'rfc2136', '--server', `${bind.host}:${bind.port}`];
    const run = async (key: string, ...args: string[]): Promise<RunResult> => {
      place.env['QUIVER_DNS_TSIG_KEY'] = key;
      return dns(...args, ...NETWORK, ...server);
    };
    const wrong = await run(`quiver-key:${SECRET}`, 'plan');
    expect(wrong).toMatchObject({code: EXIT.refused, stderr: expect.stringContaining('BADSIG') as string});
    const right = `${bind.key.name}:${secret}`;
    const {stdout} = await run(right, 'plan', '--json');
    const {checksum} = JSON.parse(stdout) as PlanShape;
    expect(await run(right, 'apply', '--plan', checksum)).toMatchObject({code: EXIT.done});
    expect(await run(right, 'plan')).toMatchObject({code: EXIT.done});
    await dns('check', ...NETWORK, '--resolver', `${bind.host}:${bind.port}`, '--peer-id', 'bootstrap1=x');
    for (const text of said) for (const each of [secret, SECRET]) expect(text).not.toContain(each);
  });

  it.each([
    ['cloudflare', 'QUIVER_DNS_CLOUDFLARE_TOKEN_FILE', `${TOKEN}\n`],
    ['rfc2136', 'QUIVER_DNS_TSIG_KEY_FILE', `name:${SECRET}\n`],
  ])('of %s are read from a file that is there and that nobody else can read', async (provider, variable, content) => {
    // Nobody is asked.
    place.env['CLOUDFLARE_BASE_URL'] = 'http://127.0.0.1:1';
    place.env[variable] = file('secret');
    const plan = () => dns('plan', ...NETWORK, '--provider', provider, '--server', '127.0.0.1:1');
    expect(await plan()).toMatchObject({
      code: EXIT.usage,
      stderr: expect.stringContaining('There is no file') as string,
    });
    await writeFile(file('secret'), content, {mode: 0o640});
    expect((await plan()).stderr).toContain(`chmod 600 '${file('secret')}'`);
    await chmod(file('secret'), 0o600);
    // Cloudflare would be asked for half a minute.
    if (provider === 'rfc2136') expect((await plan()).stderr).toContain("can't be reached");
  });

  it('are in no output, wherever they were put', async () => {
    place.env['CLOUDFLARE_API_TOKEN'] = TOKEN;
    place.env['QUIVER_DNS_TSIG_KEY'] = `hmac-md5:name:${SECRET}`;
    // Nobody is asked: the proxy does not exist.
    place.env['CLOUDFLARE_BASE_URL'] = 'http://127.0.0.1:1';
    await dns('plan', ...NETWORK, '--provider', 'rfc2136', '--server', '127.0.0.1:1');
    await dns('plan', ...NETWORK, '--provider', 'rfc2136', '--server', '127.0.0.1:1', '--json');
    const config = await runQuiver(['config', 'show'], {env: place.env, cwd: place.home});
    said.push(config.stdout, config.stderr);
    for (const text of said) for (const each of [TOKEN, SECRET]) expect(text).not.toContain(each);
  });
});

describe('a published network', () => {
  it('is added by others under its signature, and by nobody else’s', async () => {
    await runQuiver(['network', 'add', 'my-net', '--bootstrap', 'bootstrap.quiver.example:4001'], {env: place.env});
    const write = [
      'export',
      ...NETWORK,
      '--peer-id',
      `bootstrap1=${peerId(1)}`,
      '--profile',
      'my-net',
      '--format',
      'profile',
    ];
    expect(await dns(...write, '--out', 'net')).toMatchObject({code: EXIT.done});
    const theirs = await temporaryHome();
    const add = (...args: string[]) => runQuiver(['network', 'add', ...args], {env: theirs.env, cwd: place.home});
    const misnamed = await add('other-net', '--from', 'net');
    expect(misnamed).toMatchObject({code: EXIT.usage, stderr: expect.stringContaining('add my-net') as string});
    const added = await add('my-net', '--from', 'net', '--json');
    expect(added.code).toBe(EXIT.done);
    const {signer, profile} = JSON.parse(added.stdout) as {signer: string; profile: {bootstrapNodes: string[]}};
    expect(profile.bootstrapNodes).toEqual(['/dnsaddr/bootstrap.quiver.example']);
    expect(await add('my-net', '--force', '--from', 'net', '--signer', signer)).toMatchObject({code: EXIT.done});
    expect(await add('my-net', '--force', '--from', 'net', '--signer', peerId(2))).toMatchObject({code: EXIT.refused});
    const text = await readFile(file('net'), 'utf8');
    await writeFile(file('net'), text.replace('quiver.example', 'evil.example'));
    const changed = await add('my-net', '--force', '--from', 'net');
    expect(changed.code).not.toBe(EXIT.done);
    expect(changed.stderr).toContain('signed');
    expect(await add('fifth')).toMatchObject({code: EXIT.usage});
    await theirs[Symbol.asyncDispose]();
  });
});
