import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {writeCertificate} from '../support/lab/certificate.ts';
import {connectPair, type PairReport} from '../support/lab/ice-pair.ts';
import {Lab, type LabHost, type Surroundings} from '../support/lab/lab.ts';
import {lacking} from '../support/lab/requires.ts';
import {TurnServer} from '../support/lab/turn-server.ts';

const without = lacking('root', 'ip', 'nft');
const MESSAGES = 20;
const DEADLINE_MS = 30_000;

/** Which kind of path must win: a direct one wherever there is one. */
const PAIRS: [Surroundings, Surroundings, PairReport['type']][] = [
  ['open', 'open', 'host'],
  ['open', 'symmetric', 'srflx'],
  ['full-cone', 'full-cone', 'srflx'],
  ['full-cone', 'port-restricted', 'srflx'],
  ['full-cone', 'symmetric', 'srflx'],
  ['port-restricted', 'port-restricted', 'srflx'],
  ['double-nat', 'double-nat', 'srflx'],
  ['port-restricted', 'double-nat', 'srflx'],
  ['port-restricted', 'symmetric', 'relay'],
  ['double-nat', 'symmetric', 'relay'],
  ['symmetric', 'symmetric', 'relay'],
  ['udp-blocked', 'full-cone', 'relay'],
  ['udp-blocked', 'udp-blocked', 'relay'],
  ['tls-only', 'port-restricted', 'relay'],
  ['tls-only', 'udp-blocked', 'relay'],
];

describe.skipIf(without)(`two stations behind NATs find the best path ${without ?? ''}`, () => {
  let lab: Lab;
  let server: TurnServer;
  let folder: string;
  let caFile: string;

  beforeAll(async () => {
    lab = new Lab();
    folder = mkdtempSync(join(tmpdir(), 'qv-nat-'));
    const {namespace, addresses} = lab.server('turn');
    const files = writeCertificate(folder, {address: addresses[0]!});
    caFile = files.certFile;
    const tls = {port: 5349, ...files};
    server = await TurnServer.start({addresses, port: 3478, tls, secret: 'a secret of the lab'}, namespace);
  });
  afterAll(async () => {
    await server.kill();
    lab.close();
    rmSync(folder, {recursive: true, force: true});
  });

  async function connect(name: string, hosts: readonly [LabHost, LabHost]): Promise<PairReport> {
    const servers = [server.iceServers(`${name}-a`), server.iceServers(`${name}-b`)] as const;
    return connectPair(hosts, {servers, policy: 'all', messages: MESSAGES, caFile, deadlineMs: DEADLINE_MS});
  }

  it.concurrent.each(PAIRS)('%s and %s: %s', async (one, other, type) => {
    const name = `${one}-${other}`;
    const hosts = [lab.station(`a-${name}`, one), lab.station(`b-${name}`, other)] as const;
    const report = await connect(name, hosts);
    // The address of an open host is its own, so that a direct path to it can be one of two host candidates.
    expect(one === 'open' && type === 'srflx' ? ['host', 'srflx'] : [type]).toContain(report.type);
    expect(report.rttsMs).toHaveLength(MESSAGES);
  });

  it.concurrent('two in one home: host', async () => {
    const router = lab.router('port-restricted');
    const hosts = [lab.behind(router, 'home-a'), lab.behind(router, 'home-b')] as const;
    expect(await connect('home', hosts)).toMatchObject({type: 'host'});
  });

  it('gives every allocation back', async () => {
    await expect.poll(async () => server.metric('quiver_turn_allocations'), {timeout: 5_000}).toBe(0);
  });
});
