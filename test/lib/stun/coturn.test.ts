// The client against coturn's server, and coturn's tools against ours.
import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';

import {describe, expect, it} from 'vitest';

import {bindStun} from '../../../src/lib/stun/client.ts';
import {discoverNat} from '../../../src/lib/stun/nat-discovery.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {startCoturn} from '../../support/lab/coturn.ts';
import {lacking} from '../../support/lab/requires.ts';
import {startBindingServer} from './support/binding-socket.ts';

const run = promisify(execFile);
const signal = new AbortController().signal;
const TWO = ['127.0.0.1', '127.0.0.2'] as const;
const TOOL_DEADLINE_MS = 20_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const {port} = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const noServer = lacking('turnserver');
describe(`coturn's server${noServer === undefined ? '' : ` (${noServer})`}`, () => {
  it.skipIf(noServer !== undefined)('answers over UDP, TCP and TLS, and lets its NAT tests be made', async () => {
    const [port, alternatePort, tlsPort] = [await freePort(), await freePort(), await freePort()];
    const {certFile, keyFile} = writeCertificate(mkdtempSync(join(tmpdir(), 'quiver-stun-')));
    await using _ = await startCoturn({addresses: TWO, port, alternatePort, tls: {port: tlsPort, certFile, keyFile}});
    const host = TWO[0];
    for (const transport of ['udp', 'tcp', 'tls'] as const) {
      const at = transport === 'tls' ? tlsPort : port;
      const bound = await bindStun({host, port: at, transport, tls: {ca: readFileSync(certFile)}, signal});
      expect(bound.mapped).toEqual(bound.local);
      if (transport === 'udp') expect(bound.otherAddress?.key).toBe(`127.0.0.2:${alternatePort}`);
    }
    expect(await discoverNat({servers: [{host, port}], signal})).toMatchObject({
      mapping: 'none',
      filtering: 'endpoint-independent',
      udpBlocked: false,
    });
  });
});

const noTools = lacking('turnutils_stunclient', 'turnutils_natdiscovery');
describe(`coturn's tools${noTools === undefined ? '' : ` (${noTools})`}`, () => {
  it.skipIf(noTools !== undefined)(
    'turnutils_stunclient takes the answers of a server on one address and on two',
    async () => {
      for (const addresses of [[TWO[0]], TWO] as const) {
        const server = await startBindingServer({addresses});
        const args = ['-p', String(server.port), server.host];
        const {stdout} = await run('turnutils_stunclient', args, {timeout: TOOL_DEADLINE_MS});
        server.close();
        expect(stdout).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
        // The second is asked for to another port, the third with padding, each from the other address.
        expect(stdout.includes('RFC 5780 response 3')).toBe(addresses.length === 2);
      }
    },
  );

  it.skipIf(noTools !== undefined)(
    'turnutils_natdiscovery finds out the mapping, the filtering and the hairpin',
    async () => {
      const server = await startBindingServer({addresses: TWO});
      const args = ['-m', '-f', '-H', '-P', '-L', '127.0.0.1', '-p', String(server.port), server.host];
      const {stdout} = await run('turnutils_natdiscovery', args, {timeout: TOOL_DEADLINE_MS});
      server.close();
      expect(stdout).toContain('NAT with Endpoint Independent Mapping!');
      expect(stdout).toContain('NAT with Endpoint Independent Filtering!');
      expect(stdout).toContain('Received a request (maybe a successful hairpinning)');
    },
  );
});
