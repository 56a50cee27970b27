import {createSocket, type Socket} from 'node:dgram';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {checkIce} from '../../../src/lib/ice/check.ts';
import type {ServerList} from '../../../src/lib/ice/servers.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {startCoturn, type Coturn} from '../../support/lab/coturn.ts';
import {freePorts} from '../../support/lab/free-ports.ts';
import {lacking} from '../../support/lab/requires.ts';
import {trust} from '../../support/trust.ts';

const missing = lacking('turnserver');
const signal = () => AbortSignal.timeout(15_000);
const codes = (findings: readonly {code: string}[]): string[] => findings.map(({code}) => code);

describe.skipIf(missing !== undefined)(`a check of the connection ${missing ?? ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'qv-ice-'));
  const files = writeCertificate(folder);
  let server: Coturn;
  let port: number;
  let tlsPort: number;
  /** Takes UDP and says nothing, as behind a firewall. */
  let blackHole: Socket;
  let blackHolePort: number;

  const list = (urls: string[], credential = 'pass'): ServerList => ({
    servers: [{urls, username: 'alice', credential}],
    from: 'api',
  });
  const check = (given: ServerList, policy: 'all' | 'relay' = 'all') =>
    checkIce({list: given, policy, signal: signal(), patienceMs: 1_000, bindAddress: '127.0.0.1'});

  beforeAll(async () => {
    [port, tlsPort] = (await freePorts(2)) as [number, number];
    server = await startCoturn({
      addresses: ['127.0.0.1'],
      port,
      tls: {port: tlsPort, ...files},
      users: ['alice:pass'],
    });
    blackHole = createSocket('udp4');
    await new Promise<void>((resolve) => blackHole.bind(0, '127.0.0.1', resolve));
    blackHolePort = blackHole.address().port;
  }, 20_000);

  afterAll(async () => {
    blackHole?.close();
    await server?.stop();
    rmSync(folder, {recursive: true});
  });

  it('finds every way open', async () => {
    trust(files);
    const urls = [`turn:127.0.0.1:${port}`, `turn:127.0.0.1:${port}?transport=tcp`, `turns:127.0.0.1:${tlsPort}`];
    const report = await check(list(urls));
    expect(report).toMatchObject({path: 'direct', ok: true, nat: {mapping: 'none', udpBlocked: false}});
    expect(report.candidates.map(({type}) => type)).toEqual(expect.arrayContaining(['host', 'relay']));
    expect(report.probes.map(({transport, problem}) => [transport, problem])).toEqual([
      ['udp', undefined],
      ['tcp', undefined],
      ['tls', undefined],
    ]);
    expect(codes(report.findings)).toEqual(['LOOPBACK_ONLY']);
    expect((await check(list(urls), 'relay')).path).toBe('relay over UDP');
  });

  it.each([
    ['TCP', () => [`turn:127.0.0.1:${port}?transport=tcp`, `turns:127.0.0.1:${tlsPort}`]],
    ['TLS', () => [`turns:127.0.0.1:${tlsPort}`]],
  ])('goes over %s when UDP is blocked', async (name, more) => {
    trust(files);
    const report = await check(list([`turn:127.0.0.1:${blackHolePort}`, ...more()]));
    expect(report).toMatchObject({path: `relay over ${name}`, ok: true, nat: {udpBlocked: true}});
    expect(report.candidates.map(({type}) => type)).toContain('relay');
    expect(codes(report.findings)).toEqual(expect.arrayContaining(['ICE_SERVER_SILENT', 'UDP_BLOCKED']));
  });

  it('names credentials that are refused, and a certificate that is not valid', async () => {
    const urls = [`turn:127.0.0.1:${port}`, `turns:127.0.0.1:${tlsPort}`];
    const report = await check(list(urls, 'wrong'), 'relay');
    expect(report).toMatchObject({path: 'none', ok: false});
    expect(codes(report.findings)).toEqual(expect.arrayContaining(['TURN_REFUSED', 'ICE_SERVER_CERTIFICATE']));
    expect(report.findings.find(({code}) => code === 'TURN_REFUSED')?.fix).toContain('date -u');
    expect(JSON.stringify(report)).not.toContain('wrong');
  });

  it('says when no server can be reached, and when none is known', async () => {
    const [closed] = await freePorts(1);
    const unreachable = await check(
      list([`turn:127.0.0.1:${blackHolePort}`, `turn:127.0.0.1:${closed}?transport=tcp`]),
    );
    expect(unreachable).toMatchObject({path: 'host', ok: false});
    expect(codes(unreachable.findings)).toContain('NO_SERVER_REACHABLE');
    const unknown = await check({servers: [], from: 'none'});
    expect(unknown).toMatchObject({path: 'host', ok: true, probes: []});
    expect(codes(unknown.findings)).toContain('NO_SERVERS');
  });
});
