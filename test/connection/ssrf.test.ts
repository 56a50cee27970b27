import {once} from 'node:events';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {Lab, type LabHost} from '../support/lab/lab.ts';
import type {ReachOrder, ReachReport} from '../support/lab/reach-process.ts';
import {lacking} from '../support/lab/requires.ts';
import {TurnServer, UNLIMITED} from '../support/lab/turn-server.ts';

const without = lacking('root', 'ip', 'nft');
const SECRET = 'a secret of the lab';
const SERVICE_PORT = 7_777;

const REACH = `${import.meta.dirname}/../support/lab/reach-process.ts`;
/** What the first server of a lab has. */
const OWN = ['11.0.0.2', '2a0f:ffff:1::2'];

/** Every way that has been found to write an address that isn't for clients of a relay. */
const TARGETS: [name: string, addresses: string[]][] = [
  ['loopback as it is (node-turn)', ['127.0.0.1', '127.255.0.1', '::1']],
  ['the unspecified address (CVE-2020-26262)', ['0.0.0.0', '::']],
  ['IPv4-mapped loopback (CVE-2026-27624)', ['::ffff:127.0.0.1', '::ffff:0.0.0.0', '::ffff:10.9.9.9']],
  [
    'IPv4-compatible, NAT64, 6to4 and Teredo loopback (coturn #1945)',
    ['::127.0.0.1', '64:ff9b::127.0.0.1', '64:ff9b:1::127.0.0.1', '2002:7f00:1::', '2001:0:b00:2::80ff:fffe'],
  ],
  ["a company's inner network (Slack)", ['10.9.9.9', 'fd00:9::9']],
  ['cloud metadata', ['169.254.169.254', 'fe80::a9fe:a9fe']],
  ["the server's own address, at the port of another service", OWN],
  ["another public address of the server's machine", ['11.0.0.77', '2a0f:ffff:1::77']],
];

describe.skipIf(without)(`a relay is no way into its own machine or network ${without ?? ''}`, () => {
  let lab: Lab;
  let host: LabHost;
  let client: LabHost;
  let server: TurnServer;
  let heard = '';
  let reports: ReadonlyMap<string, ReachReport>;

  beforeAll(async () => {
    lab = new Lab();
    host = lab.server('turn', {ipv6: true});
    client = lab.server('client', {ipv6: true});
    host.namespace.ip(
      'address add 10.9.9.9/32 dev lo',
      'address add 169.254.169.254/32 dev lo',
      'address add fd00:9::9/128 dev lo nodad',
      'address add fe80::a9fe:a9fe/64 dev lo nodad',
      'address add 11.0.0.77/32 dev lo',
      'address add 2a0f:ffff:1::77/128 dev lo nodad',
    );
    // An inner service on all the addresses of the server's machine.
    const script = `${import.meta.dirname}/../support/lab/echo-process.ts`;
    const args = [script, String(SERVICE_PORT), '0.0.0.0', '::'];
    const service = host.namespace.spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
    service.stdout?.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await once(service.stdout!, 'data');
    const {addresses, namespace} = host;
    server = await TurnServer.start({addresses, port: 3478, secret: SECRET, limits: UNLIMITED}, namespace);
    expect(addresses).toEqual(OWN);
    const peers = TARGETS.flatMap(([, targets]) => targets).map((address) => ({
      address,
      port: SERVICE_PORT,
      credential: server.credential(`user of ${address}`),
    }));
    const order: ReachOrder = {server: OWN[0]!, port: 3_478, from: client.addresses[0]!, peers};
    const output = await client.namespace.run(process.execPath, [REACH, JSON.stringify(order)]);
    reports = new Map(JSON.parse(output) as [string, ReachReport][]);
  });
  afterAll(() => lab.close());

  it('the service is there to be reached', async () => {
    const script = `const s = require('dgram').createSocket('udp4'); s.send('6f6b', ${SERVICE_PORT}, '11.0.0.2');
      s.on('message', () => process.exit());`;
    await client.namespace.run(process.execPath, ['-e', script]);
    await expect.poll(() => heard).toContain('got 3666366');
  });

  it.each(TARGETS)('%s', (_name, addresses) => {
    for (const address of addresses) {
      // Own relays are peers, but at their ports only; CreatePermission names none.
      const permission = OWN.includes(address) ? 'success' : 403;
      expect(heard).not.toContain(`got ${Buffer.from(address).toString('hex')} `);
      expect({address, ...reports.get(address)}).toEqual({address, permission, channel: 403, answers: 0});
    }
  });
});
