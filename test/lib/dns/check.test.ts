import {createServer} from 'node:http';
import {once} from 'node:events';
import {describe, expect, it} from 'vitest';

import {checkZone} from '../../../src/lib/dns/check/check-zone.ts';
import {hasDrift, isBroken, statusOf, type ZoneCheck} from '../../../src/lib/dns/check/report.ts';
import {readTopology, type TopologyInput} from '../../../src/lib/dns/model/read-topology.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {resolveDnsaddr} from '../../../src/lib/p2p/dnsaddr.ts';
import {bindIsThere, startBind, type Bind} from '../../support/dns/bind.ts';
import {network, peerId} from '../../support/dns/topologies.ts';
import {addressOf, startNode} from '../../support/nodes.ts';

const ZONE = 'quiver.test';
const signal = AbortSignal.timeout(120_000);
const here = bindIsThere() ? it : it.skip;

/** A network on loopback whose only part that runs is a bootstrap on this port. */
function onLoopback(port: number, id: string): TopologyInput {
  return {
    ...network({layout: 'single', zone: ZONE}),
    hosts: ['127.0.0.1'],
    services: ['gateway', 'bootstrap', 'turn'],
    peerIds: [`bootstrap1=${id}`],
    proxied: [],
    https: [],
    nameServers: ['ns1=127.0.0.1'],
    ports: {p2pTcp: port, stun: 1, turn: 1},
  };
}

async function serve(input: TopologyInput): Promise<Bind> {
  return startBind(ZONE, await exportZone(readTopology(input), {format: 'bind', date: new Date()}));
}

describe('a check of a zone', () => {
  const check = (bind: Bind, input: TopologyInput): Promise<ZoneCheck> =>
    checkZone({topology: readTopology(input), resolver: `${bind.host}:${bind.port}`, signal});
  const statuses = ({services}: ZoneCheck): object =>
    Object.fromEntries(services.map((each) => [each.label, each.status]));

  here('dials what runs, and tells it from what was never started', async () => {
    const node = await startNode({roles: ['bootstrap']});
    const address = addressOf(node);
    const input = onLoopback(Number(/tcp\/(\d+)/.exec(address)?.[1]), node.peerId.toString());
    const bind = await serve(input);
    try {
      const found = await check(bind, input);
      expect(statuses(found)).toEqual({gateway: 'not deployed', bootstrap1: 'up', turn: 'not deployed'});
      expect(found.records.every(({status}) => status === 'as wanted')).toBe(true);
      expect([isBroken(found), hasDrift(found)]).toEqual([false, false]);

      // A libp2p node of ours finds the same by the dnsaddr tree.
      const {Resolver} = await import('node:dns/promises');
      const resolver = new Resolver();
      resolver.setServers([`${bind.host}:${bind.port}`]);
      const addresses = await resolveDnsaddr(`bootstrap.${ZONE}`, signal, (name) => resolver.resolveTxt(name));
      expect(addresses.map(String)).toEqual([address]);

      // Somebody else's key at that address, and an address that differs from the zone.
      const other = onLoopback(input.ports.p2pTcp, peerId(7));
      const wrong = await check(bind, other);
      expect(statuses(wrong)).toMatchObject({bootstrap1: 'down'});
      expect(wrong.services.find(({label}) => label === 'bootstrap1')?.fix).toContain('Another peer answers there');
      expect(wrong.records.filter(({status}) => status === 'differs').map(({name}) => name)).toEqual([
        '_dnsaddr.bootstrap.quiver.test',
        '_dnsaddr.bootstrap1.quiver.test',
      ]);
      expect([isBroken(wrong), hasDrift(wrong)]).toEqual([true, true]);

      const more = {...input, services: [...input.services, 'relay']};
      const missing = await check(bind, more);
      expect(missing.records.filter(({status}) => status === 'missing').map(({name}) => name)).toContain(
        'relay1.quiver.test',
      );
    } finally {
      await bind.stop();
    }
  });

  here('is red when nothing answers at all, the resolver included', async () => {
    const input = onLoopback(1, peerId(1));
    const found = await checkZone({topology: readTopology(input), resolver: '127.0.0.1:1', signal});
    expect(found.records.every(({status}) => status === 'unknown')).toBe(true);
    expect(isBroken(found)).toBe(true);
  });
});

describe('the status of a service', () => {
  it.each([
    [['ok', 'ok'], 'up'],
    [['refused', 'refused'], 'not deployed'],
    [['refused', 'silent'], 'not deployed'],
    [['ok', 'refused'], 'down'],
    [['silent'], 'down'],
    [['failed', 'refused'], 'down'],
  ] as const)('%j is %s', (results, status) => {
    expect(statusOf(results.map((result) => ({target: '', result})))).toBe(status);
  });
});

describe('a health page', () => {
  it('is read with its status, without waiting for its end', async () => {
    const {getHealthPage} = await import('../../../src/lib/probe/health-page.ts');
    const server = createServer((_, response) => void response.write('{"ok":')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const url = new URL(`http://gateway.quiver.test:${address.port}/healthz`);
    expect(await getHealthPage({url, addresses: ['127.0.0.1'], signal})).toMatchObject({status: 200});
    server.closeAllConnections();
    server.close();
  });
});
