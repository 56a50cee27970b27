import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {Lab, type LabHost, type Surroundings} from '../support/lab/lab.ts';
import {lacking} from '../support/lab/requires.ts';
import {TurnServer} from '../support/lab/turn-server.ts';

const without = lacking('root', 'ip', 'nft');
const DISCOVER = `${import.meta.dirname}/../support/lab/discover-process.ts`;

const NATS: [Surroundings, object][] = [
  ['open', {mapping: 'none', filtering: 'endpoint-independent'}],
  ['full-cone', {mapping: 'endpoint-independent', filtering: 'endpoint-independent'}],
  ['address-restricted', {mapping: 'endpoint-independent', filtering: 'address-dependent'}],
  ['port-restricted', {mapping: 'endpoint-independent', filtering: 'address-and-port-dependent'}],
  ['symmetric', {mapping: 'address-and-port-dependent', filtering: 'address-and-port-dependent'}],
  ['double-nat', {mapping: 'endpoint-independent', filtering: 'address-and-port-dependent'}],
  ['udp-blocked', {udpBlocked: true}],
];

describe.skipIf(without)(`our STUN client and server name the NAT between them ${without ?? ''}`, () => {
  let lab: Lab;
  let stun: LabHost;
  let server: TurnServer;

  beforeAll(async () => {
    lab = new Lab();
    stun = lab.server('stun', {addresses: 2});
    const {addresses, namespace} = stun;
    const options = {service: 'stun', addresses, port: 3478, alternatePort: 3479, secret: ''} as const;
    server = await TurnServer.start(options, namespace);
  });
  afterAll(async () => {
    await server.kill();
    lab.close();
  });

  it.concurrent.each(NATS)('%s', async (surroundings, expected) => {
    const host = lab.station(surroundings, surroundings);
    const output = await host.namespace.run(process.execPath, [DISCOVER, `${stun.addresses[0]}:3478`]);
    expect(JSON.parse(output)).toMatchObject(expected);
  });
});
