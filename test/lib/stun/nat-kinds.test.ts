// discoverNat behind real NATs, against a STUN server that isn't ours.
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import type {NatReport} from '../../../src/lib/stun/nat-discovery.ts';
import {startCoturn} from '../../support/lab/coturn.ts';
import type {Coturn} from '../../support/lab/coturn.ts';
import {Lab} from '../../support/lab/lab.ts';
import type {LabHost, Surroundings} from '../../support/lab/lab.ts';
import {lacking} from '../../support/lab/requires.ts';

const without = lacking('root', 'ip', 'nft', 'turnserver');
const LIBRARY = new URL('../../../src/lib/stun/nat-discovery.ts', import.meta.url).href;
const PORT = 3478;

const NATS: [Surroundings, Partial<NatReport>][] = [
  ['open', {mapping: 'none', filtering: 'endpoint-independent'}],
  ['full-cone', {mapping: 'endpoint-independent', filtering: 'endpoint-independent'}],
  ['address-restricted', {mapping: 'endpoint-independent', filtering: 'address-dependent'}],
  ['port-restricted', {mapping: 'endpoint-independent', filtering: 'address-and-port-dependent'}],
  ['symmetric', {mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent'}],
  ['double-nat', {mapping: 'endpoint-independent', filtering: 'address-and-port-dependent'}],
  ['udp-blocked', {mapping: 'unknown', filtering: 'unknown', udpBlocked: true}],
];

describe.skipIf(without)(`discoverNat behind a NAT ${without ?? ''}`, () => {
  let lab: Lab;
  let full: LabHost;
  let plain: LabHost[];
  let coturns: Coturn[];

  beforeAll(async () => {
    lab = new Lab();
    full = lab.server('stun', {addresses: 2});
    plain = [lab.server('plain1'), lab.server('plain2')];
    coturns = await Promise.all([
      startCoturn({addresses: full.addresses, port: PORT, alternatePort: PORT + 1, in: full.namespace}),
      ...plain.map(({addresses, namespace}) => startCoturn({addresses, port: PORT, in: namespace})),
    ]);
  });
  afterAll(async () => {
    await Promise.all(coturns.map((coturn) => coturn.stop()));
    lab.close();
  });

  async function discover(from: LabHost, hosts: readonly string[]): Promise<NatReport> {
    const asked = JSON.stringify(hosts.map((host) => ({host, port: PORT})));
    const script = `import {discoverNat} from '${LIBRARY}';
      const {signal} = new AbortController();
      console.log(JSON.stringify(await discoverNat({servers: ${asked}, stepTimeoutMs: 1500, signal})));`;
    const printed = await from.namespace.run(process.execPath, ['--input-type=module', '-e', script]);
    return JSON.parse(printed) as NatReport;
  }

  it.concurrent.each(NATS)('that is %s', async (surroundings, expected) => {
    const host = lab.station(surroundings, surroundings);
    const report = await discover(host, [full.addresses[0]!]);
    expect(report).toMatchObject({udpBlocked: false, ...expected});
    if (expected.mapping !== 'unknown') expect(report.local?.address).toBe(host.addresses[0]);
  });

  it.each([
    ['symmetric', 'address-dependent'],
    ['port-restricted', 'endpoint-independent'],
  ] as const)('that is %s, by two servers with one address each: %s', async (surroundings, mapping) => {
    const host = lab.station(`${surroundings}-2`, surroundings);
    const hosts = plain.map(({addresses}) => addresses[0]!);
    expect(await discover(host, hosts)).toMatchObject({mapping});
  });
});
