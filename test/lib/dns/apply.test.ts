import {mkdtemp, readFile, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {applyPlan, makePlan} from '../../../src/lib/dns/plan/apply.ts';
import type {DnsProvider} from '../../../src/lib/dns/providers/provider.ts';
import {Rfc2136Provider} from '../../../src/lib/dns/providers/rfc2136.ts';
import {ZoneFileProvider} from '../../../src/lib/dns/providers/zone-file.ts';
import {setKey} from '../../../src/lib/dns/model/record-set.ts';
import {startBind, type Bind} from '../../support/dns/bind.ts';
import {recordsOf, STATES} from '../../support/dns/states.ts';

const ZONE = 'quiver.test';
const SIGNAL = AbortSignal.timeout(120_000);

/** A zone with things of others in it. */
const START = [
  '$ORIGIN quiver.test.',
  '@ 3600 IN SOA ns1 hostmaster 2026010100 7200 3600 1209600 300',
  '@ 3600 IN NS ns1',
  'ns1 300 IN A 9.9.9.9',
  '@ 300 IN MX 10 mail',
  'mail 300 IN A 9.9.9.8',
  '_acme-challenge.gateway 60 IN TXT "token"',
  'relay77 300 IN A 9.9.9.7',
  '@ 300 IN TXT "v=spf1 -all"',
  '',
].join('\n');
const OTHERS = [
  'mail.quiver.test A',
  'quiver.test MX',
  'quiver.test TXT',
  '_acme-challenge.gateway.quiver.test TXT',
  'relay77.quiver.test A',
  'ns1.quiver.test A',
  'quiver.test SOA',
  'quiver.test NS',
];

let bind: Bind;
let folder: string;
beforeAll(async () => {
  bind = await startBind(ZONE, START);
  folder = await mkdtemp(join(tmpdir(), 'quiver-dns-'));
  await writeFile(join(folder, 'zone'), START);
});
afterAll(() => bind.stop());

const providers: readonly [string, () => DnsProvider][] = [
  ['a zone file', () => new ZoneFileProvider(join(folder, 'zone'))],
  ['BIND by RFC 2136', () => new Rfc2136Provider(bind, bind.key)],
];

describe.each(providers)('a zone in %s', (name, open) => {
  const request = (records = recordsOf(STATES[0]![1])) => ({
    provider: open(),
    zone: ZONE,
    records,
    adopt: false,
    signal: SIGNAL,
  });
  const journal = () => join(folder, `${name.replaceAll(' ', '-')}.json`);
  const apply = async (records: ReturnType<typeof recordsOf>, allowDeletions?: number) => {
    const {checksum} = await makePlan(request(records));
    return applyPlan({...request(records), checksum, journal: journal(), allowDeletions, onProgress: () => {}});
  };

  it.each(STATES)('goes to the state: %s', async (_, input) => {
    const records = recordsOf(input);
    const provider = open();
    const plan = await makePlan(request(records));
    expect(plan.checksum).toMatch(/^[0-9a-f]{12}$/);
    expect((await makePlan(request(records))).checksum).toBe(plan.checksum);
    await apply(records, 1_000);
    const now = new Map((await provider.read(ZONE, SIGNAL)).map((set) => [setKey(set), set]));
    for (const set of provider.prepare(records)) expect(now.get(setKey(set)), setKey(set)).toEqual(set);
    expect(new Set(now.keys())).toEqual(new Set([...records.map(setKey), ...OTHERS]));
    expect(await makePlan(request(records))).toMatchObject({checksum: '', changes: [], steps: [], conflicts: []});
  });
});
