import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {writeCertificate} from '../support/lab/certificate.ts';
import {startCoturn} from '../support/lab/coturn.ts';
import {Lab, type LabHost} from '../support/lab/lab.ts';
import {failures, probeServer} from '../support/lab/probe-server.ts';
import {lacking} from '../support/lab/requires.ts';
import {TurnServer} from '../support/lab/turn-server.ts';

const SECRET = 'a secret of the lab';
/** What is the same of all that are looked at whole. */
const TARGET = {port: 3478, tlsPort: 5349, tcp: true, secret: SECRET};
const without = lacking('root', 'ip', 'nft');

describe.skipIf(without)(`TURN servers as seen from outside ${without ?? ''}`, () => {
  let lab: Lab;
  let client: LabHost;
  let folder: string;
  let tls: {port: number; certFile: string; keyFile: string};

  beforeAll(() => {
    lab = new Lab();
    client = lab.server('client', {addresses: 3, ipv6: true});
    folder = mkdtempSync(join(tmpdir(), 'qv-probes-'));
    tls = {port: 5349, ...writeCertificate(folder)};
  });
  afterAll(() => {
    lab.close();
    rmSync(folder, {recursive: true, force: true});
  });

  it.each(['dgram', 'batch'] as const)('ours on the %s engine does everything right', async (engine) => {
    const {namespace, addresses} = lab.server(engine, {ipv6: true});
    await using server = await TurnServer.start({addresses, port: 3478, tls, secret: SECRET, engine}, namespace);
    const [address = '', address6] = addresses;
    const results = await probeServer(client, {...TARGET, address, address6});
    expect(failures(results)).toEqual([]);
    expect(results.every(({result}) => result === 'pass')).toBe(true);
    expect({alive: server.alive, errors: server.errors}).toEqual({alive: true, errors: ''});
  });

  // That the probes can fail: what is known of others is found again.
  it.skipIf(lacking('turnserver'))('coturn 4.6.1 lets in what CVE-2026-27624 names', async () => {
    const {namespace, addresses} = lab.server('coturn', {ipv6: true});
    const more = ['--no-cli'];
    await using coturn = await startCoturn({addresses, port: 3478, tls, secret: SECRET, in: namespace, more});
    const [address = '', address6] = addresses;
    const results = await probeServer(client, {...TARGET, address, address6});
    const failed = failures(results).map((line) => line.split(':')[0]);
    expect(failed).toContain('no relaying to IPv4-mapped addresses of what is forbidden of IPv6');
    expect(failed).toContain('what follows MESSAGE-INTEGRITY is not acted upon');
    expect(results.filter(({result}) => result === 'pass').length, coturn.log()).toBeGreaterThan(60);
  });

  it('node-turn takes the names of Object.prototype for users, and relays into loopback', async () => {
    const {namespace, addresses} = lab.server('node-turn');
    const [address = ''] = addresses;
    const script = join(import.meta.dirname, '../support/lab/node-turn-process.ts');
    const users = Object.fromEntries(Array.from({length: 400}, (_one, i) => [`probe-${i}`, `secret-${i}`]));
    // It dies of an empty datagram, and is started again.
    const again = `while true; do ${process.execPath} ${script} ${address} 3478 lab.example '${JSON.stringify(users)}'; done`;
    namespace.spawn('sh', ['-c', again], {stdio: 'ignore'});
    await expect
      // 3478
      .poll(async () => namespace.run('cat', ['/proc/net/udp']), {timeout: 10_000})
      .toContain(':0D96');
    const failed = failures(await probeServer(client, {address, port: 3478, tcp: false}));
    expect(failed).toContainEqual(expect.stringMatching(/^the names of Object\.prototype are no users/));
    expect(failed).toContainEqual(expect.stringMatching(/^no relaying to loopback/));
  });
});
